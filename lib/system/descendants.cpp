#include "system/descendants.hpp"

#include <charconv>
#include <filesystem>

#include "system/copy_name.hpp"
#include "system/proc_file.hpp"

namespace leakline {

namespace {

namespace fs = std::filesystem;

// Of one process, whose children are looked for: a service that leaks threads must not stop the sampling.
constexpr std::size_t kMaxThreads = 256;

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
    for (auto entry = fs::directory_iterator(directory, error); !error && entry != fs::directory_iterator(); entry.increment(error))
        for_each_pid(entry->path().filename().string(), found);
}

}  // namespace

DescendantTracker::DescendantTracker(int root, SystemRoots roots, std::function<std::vector<int>()> adopted)
    : roots_(std::move(roots)), adopted_(std::move(adopted)) {
    Member member = make_member(root);
    lists_children_ = member.children.is_open();
    members_.emplace(root, std::move(member));
}

DescendantTracker::Member DescendantTracker::make_member(int pid) const {
    return {members_.size() < kMaxKeptOpen ? ProcFile(children_path(pid)) : ProcFile(), false};
}

void DescendantTracker::retire(int pid) {
    if (const auto member = members_.find(pid); member != members_.end()) member->second = {ProcFile(), true};
}

std::vector<int> DescendantTracker::discover(Depth depth) {
    std::vector<int> added;
    found_.clear();
    for (auto& [pid, member] : members_) note_children(pid, member, depth);
    if (depth == Depth::detailed && !lists_children_) search_all();
    if (depth == Depth::detailed && adopted_)
        for (const int pid : adopted_()) found_.push_back(pid);
    // The processes found can have new children by now.
    while (!found_.empty()) {
        const int pid = found_.back();
        found_.pop_back();
        if (members_.contains(pid) || is_copy(pid)) continue;
        added.push_back(pid);
        note_children(pid, members_.emplace(pid, make_member(pid)).first->second, Depth::detailed);
    }
    return added;
}

bool DescendantTracker::is_copy(int pid) const {
    const auto name = ProcFile(roots_.proc + "/" + std::to_string(pid) + "/comm").read();
    return name && (name->starts_with(kCopyName) || name->starts_with(kAgentName));
}

void DescendantTracker::note_children(int pid, Member& member, Depth depth) {
    if (member.retired) return;
    const auto note = [this](int child) { found_.push_back(child); };
    if (const auto text = member.children.is_open() ? member.children.read() : ProcFile(children_path(pid)).read())
        for_each_pid(*text, note);
    if (depth == Depth::quick || !lists_children_) return;
    std::size_t looked_at = 0;
    for_each_numbered(task_path(pid), [&](int thread) {
        if (thread == pid || ++looked_at > kMaxThreads) return;
        ProcFile file(task_path(pid) + "/" + std::to_string(thread) + "/children");
        if (const auto text = file.read()) for_each_pid(*text, note);
    });
}

void DescendantTracker::search_all() {
    std::multimap<int, int> by_parent;
    for_each_numbered(roots_.proc, [&](int pid) {
        if (const auto stat = read_stat(pid, roots_)) by_parent.emplace(stat->parent, pid);
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

std::vector<int> descendants_of(int root, const SystemRoots& roots) {
    std::vector<int> pids = DescendantTracker(root, roots).discover(Depth::detailed);
    std::erase(pids, root);
    return pids;
}

}  // namespace leakline
