// The facts of all units joined into one program: what stands for what, who calls whom, what runs for every request and what
// runs at the start only, which objects live as long as the process. Rules ask it; it finds nothing itself.
//
// Thread-safety: const functions from any thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "audit/internal/facts.hpp"

namespace leakline::audit {

// When code runs.
enum class Runs {
    repeatedly,  // for a request, a timer, or in each iteration of the loop of a service
    once,        // at the start or the end of the process
    never,       // nothing calls it
    unknown,     // of a library: its callers are not of this code
};

// The values of a key, none where a table does not have it.
template <class Table>
const typename Table::mapped_type& found_or_empty(const Table& table, const typename Table::key_type& key) {
    static const typename Table::mapped_type none;
    const auto found = table.find(key);
    return found == table.end() ? none : found->second;
}

class Program {
  public:
    // Before the units are added: the names that a unit imports for others stand for what they are elsewhere.
    void note_reexports(const UnitFacts& facts);
    void add(UnitFacts facts);
    void join();  // after the last unit

    const UnitFacts& facts() const { return facts_; }  // of all units, each function once
    const std::string& text(Name name) const { return facts_.names[name]; }
    const Variable* variable(Name id) const;
    const Function* function(Name id) const;
    const Class* class_of(Name id) const;

    // The variables that an access reaches through references, pointers, iterators, parameters and results; itself included
    // where it is a variable of its own.
    // surely: not through functions that return one of their arguments.
    enum class Reach { surely, perhaps };
    std::vector<Access> reached(const Access& access, Reach reach = Reach::perhaps) const;

    // Whether there is a handler or a loop that waits: without one nothing repeats.
    bool is_service() const { return service_; }
    bool is_python(Name id) const { return text(id).starts_with("py:"); }
    Runs runs(Name function) const;
    Runs runs(Name function, std::uint32_t loop) const;  // in a loop of it
    // The same, where callees that are only guessed by a method's name count, too.
    bool may_run_repeatedly(Name function, std::uint32_t loop) const;
    // Whether a thread that this code starts runs it: at the same time as what fills containers, and for any time.
    bool runs_in_thread(Name function) const { return in_thread_.contains(function); }
    // Whether a loop that waits never ends: no break, no return.
    bool is_endless(std::uint32_t loop) const;
    // How a repeated function is reached: from the handler or the loop to it.
    std::vector<std::string> reach(Name function, std::uint32_t loop) const;
    std::vector<Name> path_to(Name function, std::uint32_t loop) const;  // the functions of it, the last one first

    // Why an object lives as long as the process; empty where it does not, or nothing shows that it does.
    std::string lifetime(const Variable& variable) const;
    // Whether other objects of its class live for a request only, so that the growth may be theirs.
    bool also_short(const Variable& variable) const;

    const std::vector<const Call*>& calls_of(Name function) const;
    // What an integer, or a function's result, is the size of.
    const std::vector<Access>& sizes_behind(Name value) const;
    // Whether the function, or another method of its class, counts the integer up.
    bool counts_in(Name integer, Name function) const;
    // The fewest assignments, arguments and results between a source and the value; nothing where it has no such source.
    // input: a handler's parameters, received data: any values. fresh: random numbers, counts, the time, what was allocated:
    // different each time. object: objects of classes that requests make; what is in them may be the same in all.
    enum class Source { input, fresh, object };
    std::optional<int> steps_from(Source source, Name value) const;
    // Whether a value may be different in each request, as far as is seen.
    bool is_request_value(Name value) const {
        return steps_from(Source::input, value) || steps_from(Source::fresh, value) || steps_from(Source::object, value);
    }
    std::string place_text(Place place) const;

    // Whether what the function gets comes from outside: it is a handler by its parameters or its decorator, or stands in or below a
    // loop that receives. Of callbacks that are registered this is not known: they may report devices or timers.
    bool is_handled(Name function) const;
    // Whether a path_to begins with a handler that a framework calls.
    bool starts_at_handler(const std::vector<Name>& path) const {
        const Function* root = function(path.back());
        return root != nullptr && root->is_entry();
    }
    // Whether the function, or the handler that leads to it, is given what comes from outside: not by a loop of its caller's only.
    bool is_given_requests(Name function, std::uint32_t loop) const;

    // Whether something else than a call in this code starts it: a framework, a library, a thread.
    bool is_started(Name function) const { return roots_.contains(function) || in_thread_.contains(function); }

  private:
    std::string original_name(std::string name) const;  // behind re-exports
    void join_attributes_of_bases();
    void join_unknown_classes();
    std::vector<std::set<Name>> lines_of_bases() const;
    void join_overriders();
    void join_calls();
    void join_destructors();
    void pass_arguments(Name from, Name to);
    void propagate_called_parameters();
    void find_loops();
    void find_reached_from_main();
    void find_threads();
    void find_lifetimes();
    void hold_registered();
    std::uint32_t service_loop(std::uint32_t loop) const;  // the innermost one that waits, this one included; 0 where there is none
    bool in_service_loop(std::uint32_t loop) const { return service_loop(loop) != 0; }
    bool is_serving(Name function) const;  // main, or what does not return while the service runs
    void mark_lasting(Name type, const std::string& why);
    void hold(Name type, const std::string& why);
    void find_request_values();
    std::unordered_map<Name, int> follow(const std::vector<Name>& sources) const;
    void mark_short(Name type);

    bool is_unmentioned(const Function& function) const;
    bool is_repeated_by(Name function, std::uint32_t loop) const;

    UnitFacts facts_;
    std::set<std::string> mentioned_;  // UnitFacts::mentions of all units
    bool has_python_program_ = false;  // UnitFacts::has_main of those in Python
    std::unordered_map<std::string, Name> index_;
    std::set<Name> joined_;          // functions
    std::set<std::string> outside_;  // what stands outside of functions, and was joined

    std::unordered_map<std::string, std::string> reexports_;
    std::unordered_map<Name, std::size_t> variables_, functions_, classes_;
    std::unordered_map<Name, Name> of_base_;  // attribute of a class in Python -> the same one of its base
    std::unordered_map<Name, std::vector<Access>> aliases_;
    std::unordered_map<Name, std::vector<const Call*>> calls_;  // by the callee
    std::unordered_map<Name, std::vector<Access>> sizes_;
    std::unordered_map<Name, std::set<Name>> counted_in_;  // integer -> functions and classes
    struct Edge {
        Name to = kNoName;
        std::uint32_t loop = 0;
        bool guessed = false;
    };
    std::unordered_map<Name, std::vector<Edge>> edges_;
    std::unordered_map<Name, std::vector<Name>> overriders_;
    struct Root {
        std::string why;
        Name from = kNoName;
    };
    std::map<Name, std::string> roots_;          // with the reason
    std::map<Name, std::string> guessed_roots_;  // handed to code that is not seen, and nothing says that it calls them for requests
    std::unordered_map<Name, Root> repeated_;    // from: the caller that it was reached through
    std::unordered_map<Name, Root> perhaps_repeated_;
    std::set<Name> serving_;
    std::unordered_map<Name, Root> find_repeated(bool guesses) const;
    std::set<Name> from_main_;
    std::set<Name> in_thread_;
    std::vector<bool> service_loops_;
    std::unordered_map<Name, std::string> lasting_;  // classes
    std::set<Name> held_;                            // classes that a lasting variable names
    std::set<Name> short_;
    std::unordered_map<Name, std::vector<Name>> flows_;      // from -> to
    std::map<Source, std::unordered_map<Name, int>> steps_;  // of values, by what they come from
    bool service_ = false;
};

}  // namespace leakline::audit
