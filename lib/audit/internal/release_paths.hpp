// The order of events in one function's body, and which of them happen under a condition: finds the early return between an
// addition and the removal that belongs to it, between an open and its close. Shared by all languages.
//
// Thread-safety: one thread.
#pragma once

#include <set>
#include <vector>

#include "audit/internal/facts.hpp"

namespace leakline::audit {

class ReleasePaths {
  public:
    // A block that is left out where a condition says so. mentioned: the variables in the condition.
    void enter(std::set<Name> mentioned) {
        path_.push_back(++blocks_);
        conditions_.push_back(std::move(mentioned));
    }
    void leave() {
        path_.pop_back();
        conditions_.pop_back();
    }

    void added(const Access& on, Place at, std::set<Name> results) { note(Event::Kind::added, on, at, std::move(results)); }
    void removed(const Access& on, Place at) { note(Event::Kind::removed, on, at, {}); }
    void left(Place at, bool thrown, std::set<Name> returned = {}) {
        note(thrown ? Event::Kind::thrown : Event::Kind::left, {}, at, std::move(returned));
    }
    void opened(Handle handle) { note(Event::Kind::opened, {handle.variable, 0}, handle.at, {}).handle = handle; }
    void closed(Name variable, Place at) { note(Event::Kind::closed, {variable, 0}, at, {}); }
    // "finally" runs on every path that leaves its "try", so it is read first: between final_begins() and final_ends(), which
    // takes the former's result. Its events follow those of the "try" at final_left(), the end of the statement.
    std::size_t final_begins() const { return events_.size(); }
    void final_ends(std::size_t begin);
    void final_left();
    void handed_on(Name variable, Place at) { note(Event::Kind::handed_on, {variable, 0}, at, {}); }

    void ended(Place at) { note(Event::Kind::ended, {}, at, {}); }  // the process: what is open is closed with it

    // At the end of the function: what is wrong in it.
    void finish(Name function, std::vector<Skip>& skips, std::vector<Handle>& handles) const;

  private:
    struct Event {
        enum class Kind { added, removed, left, thrown, opened, closed, handed_on, ended };
        Kind kind = Kind::added;
        Access on;
        Place at;
        std::vector<int> path;
        std::set<Name> names;       // results of an addition; what a return gives back
        std::set<Name> conditions;  // mentioned around
        std::set<Name> released;    // of an exit: by the "finally" around
        Handle handle;
    };
    struct Final {
        std::vector<Event> events;
        std::set<Name> released;
    };
    Event& note(Event::Kind kind, const Access& on, Place at, std::set<Name> names);
    static bool within(const Event& inner, const Event& outer);  // outer's block holds inner

    std::vector<Event> events_;
    std::vector<int> path_;
    std::vector<std::set<Name>> conditions_;
    std::vector<Final> finals_;  // around
    int blocks_ = 0;
};

}  // namespace leakline::audit
