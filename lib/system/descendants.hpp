// A process and all of its descendants, without the copies that our own agent makes (system/copy_name.hpp).
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "system/proc_file.hpp"
#include "system/procfs.hpp"

namespace leakline {

// The kernel lists a thread's children in task/TID/children (CONFIG_PROC_CHILDREN, which distributions set). Every look
// reads the main threads' lists, which have nearly all of them; a detailed look those of all threads. Without that file
// a detailed look goes through all of /proc for parents that are members.
inline constexpr std::size_t kMaxKeptOpen = 64;  // processes whose files stay open: descriptors are scarce (often 1,024)

class DescendantTracker {
  public:
    // adopted: pids that belong to it although their parents have ended (see system/subreaper.hpp); may be empty.
    DescendantTracker(int root, SystemRoots roots, std::function<std::vector<int>()> adopted = {});

    // Pids of new members, each once, children of children included. A member remains one until forget(), even if its
    // parent ends first.
    std::vector<int> discover(Depth depth);
    void forget(int pid) { members_.erase(pid); }
    // It has ended but is still listed (a zombie): it stays a member, and costs nothing more.
    void retire(int pid);

  private:
    std::string task_path(int pid) const { return roots_.proc + "/" + std::to_string(pid) + "/task"; }
    std::string children_path(int pid) const { return task_path(pid) + "/" + std::to_string(pid) + "/children"; }
    struct Member {
        ProcFile children;  // the list of its main thread; kept open for the first kMaxKeptOpen members
        bool retired = false;
    };
    Member make_member(int pid) const;
    bool is_copy(int pid) const;
    void note_children(int pid, Member& member, Depth depth);
    void search_all();

    SystemRoots roots_;
    std::function<std::vector<int>()> adopted_;
    bool lists_children_ = false;
    std::map<int, Member> members_;
    std::vector<int> found_;
};

// The descendants of a process at this moment, without itself.
std::vector<int> descendants_of(int root, const SystemRoots& roots = {});

}  // namespace leakline
