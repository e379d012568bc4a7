#include <charconv>
#include <filesystem>
#include <map>

#include "base/error.hpp"
#include "memory/proc_file.hpp"
#include "memory/source.hpp"

namespace leakline::memory {

namespace {

namespace fs = std::filesystem;

bool is_of_cgroup(Metric metric) {
    return metric == Metric::cgroup || metric == Metric::cgroup_anonymous || metric == Metric::cgroup_limit ||
           metric == Metric::cgroup_oom_kills || metric == Metric::cgroup_limit_hits;
}

// Calls found(pid) for every number in a directory's names or in a text between blanks.
template <typename Found>
void for_each_pid(std::string_view text, Found found) {
    while (!text.empty()) {
        const std::size_t blank = text.find_first_of(" \n");
        const std::string_view word = text.substr(0, blank);
        int pid = 0;
        const auto result = std::from_chars(word.data(), word.data() + word.size(), pid);
        if (result.ec == std::errc{} && result.ptr == word.data() + word.size() && pid > 0) found(pid);
        if (blank == std::string_view::npos) return;
        text.remove_prefix(blank + 1);
    }
}

template <typename Found>
void for_each_numbered(const std::string& directory, Found found) {
    std::error_code error;
    for (auto entry = fs::directory_iterator(directory, error); !error && entry != fs::directory_iterator();
         entry.increment(error))
        for_each_pid(entry->path().filename().string(), found);
}

// The kernel lists a thread's children in task/TID/children (CONFIG_PROC_CHILDREN, which distributions set). Every tick
// reads the main thread's list, which has nearly all of them; a detailed tick those of all threads. Without that file
// a detailed tick looks through all of /proc for parents that are in the tree.
class TreeSource : public MemorySource {
  public:
    TreeSource(int pid, const std::vector<Metric>& metrics, Descendants descendants, const SystemRoots& roots)
        : roots_(roots), root_pid_(pid), descendants_(descendants) {
        for (const Metric metric : metrics)
            if (!is_of_cgroup(metric)) metrics_.push_back(metric);
        Member root{process_source(pid, metrics, roots), ProcFile(children_path(pid))};
        subject_ = root.source->subject();
        lists_children_ = root.children.is_open();
        members_.emplace(pid, std::move(root));
    }

    const Subject& subject() const override { return subject_; }

    bool read(Depth depth, Nanoseconds at, const Sink& sink) override {
        discover(depth);
        if (descendants_ == Descendants::each) return read_members(depth, at, sink);
        MemorySample sum;
        sum.at = at;
        std::array<bool, kMetricCount> missing{};
        const Sink add = [&](const Subject& subject, const MemorySample& sample) {
            for (std::size_t i = 0; i < kMetricCount; ++i) {
                const auto metric = static_cast<Metric>(i);
                if (is_of_cgroup(metric)) {
                    if (subject.pid == root_pid_) sum.values[i] = sample.values[i];
                } else if (!sample.values[i]) {
                    missing[i] = true;
                } else {
                    sum.values[i] = sum.values[i].value_or(0) + *sample.values[i];
                }
            }
        };
        if (!read_members(depth, at, add)) return false;
        for (std::size_t i = 0; i < kMetricCount; ++i)
            if (missing[i]) sum.values[i].reset();
        sink(subject_, sum);
        return true;
    }

  private:
    struct Member {
        std::unique_ptr<MemorySource> source;
        ProcFile children;  // of its main thread
    };

    std::string task_path(int pid) const { return roots_.proc + "/" + std::to_string(pid) + "/task"; }
    std::string children_path(int pid) const { return task_path(pid) + "/" + std::to_string(pid) + "/children"; }

    bool read_members(Depth depth, Nanoseconds at, const Sink& sink) {
        for (auto member = members_.begin(); member != members_.end();) {
            if (member->second.source->read(depth, at, sink)) {
                ++member;
            } else if (member->first == root_pid_) {
                return false;
            } else {
                member = members_.erase(member);
            }
        }
        return true;
    }

    void discover(Depth depth) {
        found_.clear();
        for (auto& [pid, member] : members_) note_children(pid, member, depth);
        if (depth == Depth::detailed && !lists_children_) search_all();
        // What was found can have children of its own by now.
        while (!found_.empty()) {
            const int pid = found_.back();
            found_.pop_back();
            if (members_.contains(pid)) continue;
            try {
                Member member{process_source(pid, metrics_, roots_), ProcFile(children_path(pid))};
                note_children(pid, members_.emplace(pid, std::move(member)).first->second, Depth::detailed);
            } catch (const Error&) {
                // It has ended since it was listed, or it is a zombie: it holds no memory.
            }
        }
    }

    void note_children(int pid, Member& member, Depth depth) {
        const auto note = [this](int child) { found_.push_back(child); };
        if (const auto text = member.children.read()) for_each_pid(*text, note);
        if (depth == Depth::quick || !lists_children_) return;
        for_each_numbered(task_path(pid), [&](int thread) {
            if (thread == pid) return;
            ProcFile children(task_path(pid) + "/" + std::to_string(thread) + "/children");
            if (const auto text = children.read()) for_each_pid(*text, note);
        });
    }

    void search_all() {
        std::multimap<int, int> by_parent;
        for_each_numbered(roots_.proc, [&](int pid) {
            ProcFile file(roots_.proc + "/" + std::to_string(pid) + "/stat");
            const auto text = file.read();
            if (const auto stat = text ? parse_stat(*text) : std::nullopt) by_parent.emplace(stat->parent, pid);
        });
        std::vector<int> parents;
        for (const auto& [pid, member] : members_) parents.push_back(pid);
        while (!parents.empty()) {
            const auto [first, last] = by_parent.equal_range(parents.back());
            parents.pop_back();
            for (auto child = first; child != last; ++child) {
                found_.push_back(child->second);
                parents.push_back(child->second);
            }
            by_parent.erase(first, last);
        }
    }

    SystemRoots roots_;
    int root_pid_;
    Descendants descendants_;
    std::vector<Metric> metrics_;  // of a descendant
    Subject subject_;
    bool lists_children_ = false;
    std::map<int, Member> members_;  // by pid, the root among them
    std::vector<int> found_;
};

}  // namespace

std::unique_ptr<MemorySource> tree_source(int pid, std::vector<Metric> metrics, Descendants descendants,
                                          const SystemRoots& roots) {
    return std::make_unique<TreeSource>(pid, metrics, descendants, roots);
}

}  // namespace leakline::memory
