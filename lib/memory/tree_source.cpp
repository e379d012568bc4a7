#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/source.hpp"
#include "system/descendants.hpp"

namespace leakline::memory {

namespace {

bool is_of_cgroup(Metric metric) {
    return metric == Metric::cgroup || metric == Metric::cgroup_anonymous || metric == Metric::cgroup_limit ||
           metric == Metric::cgroup_oom_kills || metric == Metric::cgroup_limit_hits;
}

bool is_limit_of_service(Metric metric) { return metric == Metric::threads_limit || metric == Metric::processes_limit; }
// Says nothing of the sum over several processes.
bool is_limit_of_process(Metric metric) { return metric == Metric::fds_limit || metric == Metric::mappings_limit; }

class TreeSource : public MemorySource {
  public:
    TreeSource(int pid, const std::vector<Metric>& metrics, Descendants descendants, const SystemRoots& roots)
        : roots_(roots), root_pid_(pid), descendants_(descendants), tree_(pid, roots) {
        for (const Metric metric : metrics)
            if (!is_of_cgroup(metric)) metrics_.push_back(metric);
        auto root = process_source(pid, metrics, roots);
        subject_ = root->subject();
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
                } else if (is_limit_of_service(metric)) {
                    if (sample.values[i]) sum.values[i] = std::min(sum.values[i].value_or(*sample.values[i]), *sample.values[i]);
                } else if (!sample.values[i]) {
                    missing[i] = true;
                } else {
                    sum.values[i] = sum.values[i].value_or(0) + *sample.values[i];
                }
            }
        };
        if (!read_members(depth, at, add)) return false;
        for (std::size_t i = 0; i < kMetricCount; ++i)
            if (missing[i] || (members_.size() > 1 && is_limit_of_process(static_cast<Metric>(i)))) sum.values[i].reset();
        if (auto& processes = sum[Metric::processes]) *processes += zombies_;
        sink(subject_, sum);
        return true;
    }

  private:
    bool read_members(Depth depth, Nanoseconds at, const Sink& sink) {
        for (auto member = members_.begin(); member != members_.end();) {
            if (member->second->read(depth, at, sink)) {
                ++member;
            } else if (member->first == root_pid_) {
                return false;
            } else {
                tree_.forget(member->first);
                member = members_.erase(member);
            }
        }
        return true;
    }

    void discover(Depth depth) {
        zombies_ = 0;
        for (const int pid : tree_.discover(depth)) {
            try {
                members_.emplace(pid, process_source(pid, metrics_, roots_));
            } catch (const Error&) {
                ++zombies_;
                tree_.forget(pid);  // it has ended since it was listed, or it is a zombie: it holds no memory
            }
        }
    }

    SystemRoots roots_;
    int root_pid_;
    Descendants descendants_;
    std::vector<Metric> metrics_;  // of a descendant
    Subject subject_;
    DescendantTracker tree_;
    Bytes zombies_ = 0;                                     // at the last look
    std::map<int, std::unique_ptr<MemorySource>> members_;  // by pid, the root among them
};

}  // namespace

std::unique_ptr<MemorySource> tree_source(int pid, std::vector<Metric> metrics, Descendants descendants, const SystemRoots& roots) {
    return std::make_unique<TreeSource>(pid, metrics, descendants, roots);
}

}  // namespace leakline::memory
