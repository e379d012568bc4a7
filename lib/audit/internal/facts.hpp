// What a reader of one language finds in one unit (a translation unit, a Python module), in terms that the rules share:
// variables, what is done to them, functions and who calls them. Plain data without pointers, so that it can be cached.
//
// Names are indices into UnitFacts::names, which holds each text once; kNoName where there is none. Identifiers (clang's
// USRs, "module.Class.name" in Python) name the same thing in every unit.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace leakline::audit {

using Name = std::uint32_t;
inline constexpr Name kNoName = 0;              // names[0] is ""
inline constexpr std::size_t kLongestKey = 80;  // bytes of a key's source that are kept

struct Place {
    Name file = kNoName;
    std::uint32_t line = 0;
    bool operator==(const Place&) const = default;
};

enum class Storage : std::uint8_t { global, static_local, field, local, parameter };

// What holds objects, or stands for what holds them (a reference, a pointer, an iterator).
struct Variable {
    Name id = kNoName, name = kNoName, type = kNoName;
    Name owner = kNoName;  // the class of a field; the function of a local or parameter
    Place at;
    Storage storage = Storage::local;
    bool container = false;       // of a type that can grow
    bool generic = false;         // of a type that its class template is given: it may be a container
    bool indirect = false;        // a reference, a pointer or an iterator: it may stand for another variable
    bool fixed_elements = false;  // of a container: what is in it does not grow, or has another owner
    std::uint32_t loop = 0;       // of a local: the innermost loop around its declaration, an index + 1
    std::vector<Name> holds;      // classes of the object that it is, or points to
    std::vector<Name> elements;   // classes of the objects in it, where it is a container
};

// A variable, or elements within it: depth 1 is m[key], depth 2 is m[key][i].
struct Access {
    Name variable = kNoName;
    std::uint8_t depth = 0;
    bool operator==(const Access&) const = default;
};

struct Operation {
    enum class Kind : std::uint8_t {
        grow,        // adds an element
        shrink,      // removes elements, or all
        replace,     // the object itself is assigned, reset or deleted: what it held is gone
        escape,      // handed to code that is not seen, by a reference or pointer that allows changes
        link,        // a new node of class `node` is linked into a structure made by hand
        free,        // a node of class `node` is freed
        unlink,      // a link of class `node` is overwritten by another one's
        count_up,    // an integer is incremented
        count_down,  // ... decremented or set
        store_at,    // an element is stored at an index that is a variable: `counter`
        reallocate,  // the array that a pointer stands for is made larger
    };
    Kind kind = Kind::grow;
    Access on;
    Name function = kNoName;
    Place at;
    Name word = kNoName;                         // what stands in the source: "push_back", "[k] ="
    Name node = kNoName;                         // link, free, unlink: the class
    Name counter = kNoName;                      // store_at
    std::uint32_t loop = 0;                      // the innermost loop around it, an index into loops + 1
    std::vector<Access> guards;                  // sizes and counts that conditions around it compare
    std::vector<Name> key_values;                // variables and results in the key
    Name key = kNoName;                          // text of the key in the source
    bool few_keys = false;                       // the key, or what is added to a count, is a literal or of a type with few values
    std::optional<std::uint32_t> key_parameter;  // the key is this parameter of the function
    bool first_value = false;                    // replace: no other function sets it, nor does the constructor
    bool first_time = false;                     // only while a global or member is not set
};

// The value of `to` is computed from `from`. Both are variables, "function#result", "function#index" for parameters, kInput or kNew.
struct Flow {
    Name to = kNoName, from = kNoName;
    auto operator<=>(const Flow&) const = default;
};
// Data that was received: it may have any value.
inline constexpr const char* kInput = "#input";
// What is different each time: a new object, a random number, the time.
inline constexpr const char* kNew = "#new";

// A word of UnitFacts::mentions that stands for all.
inline constexpr const char* kAnyWord = "*";

// How many arguments are followed into "*args", and from a function into the wrapper that a decorator puts around it.
inline constexpr std::uint32_t kMaxFollowedArguments = 8;

// Before the name of a method whose object has no known class: in a template of C++. ("py:*." in Python.)
inline constexpr const char* kUnknownClass = "cpp:*.";
// Before a class: its objects themselves. Where requests make them, they are different in each request.
inline constexpr const char* kObjectOf = "#object:";

struct Alias {  // `alias` stands for (elements of) `of`
    Name alias = kNoName;
    Access of;
};

struct Function {
    enum class Kind : std::uint8_t { plain, constructor, destructor, lambda };
    Name id = kNoName, name = kNoName, owner = kNoName;  // owner: its class
    Name type = kNoName;                                 // "int (const char *)"; kNoName for lambdas and in Python
    Place at;
    Kind kind = Kind::plain;
    bool main = false;
    Name entry_reason = kNoName;    // why a framework calls it; kNoName where none does
    bool outside_override = false;  // overrides a method of a class that is not of this code
    bool local_file = false;        // cannot be called from other units
    bool blocks = false;            // waits for input, time or another thread
    bool serves = false;            // runs the loop of a server's library
    bool calls_parameter = false;   // calls a function that it was given
    bool wraps = false;             // calls a function that the function around it was given: what a decorator returns
    bool starts_parameter = false;  // starts a thread with it
    std::vector<Name> overrides;
    bool is_entry() const { return entry_reason != kNoName; }
};

struct Argument {
    std::optional<Access> access;
    bool few_values = false;                 // a literal, or of a type with few values
    std::optional<std::uint32_t> parameter;  // it is this parameter of the caller
};

struct Call {
    enum class Kind : std::uint8_t {
        call,
        thread,               // the callee runs in a thread that starts here
        deferred,             // the callee is stored or registered, to be called later
        immediate,            // the callee is handed to a function that calls it before it returns
        handed,               // the callee is handed to a function of this code: that one's body decides
        returned,             // the callee is what `from` returns
        decorated,            // `from` is wrapped by what the callee returns
        decorated_by_result,  // @callee(...): by what the result of the callee returns
        indirect,             // through a pointer to a function of the type `through`
        withdrawn,            // ends a registration: removeObserver(callee)
    };
    Kind kind = Kind::call;
    Name from = kNoName, to = kNoName;
    Name through = kNoName;  // of kinds but call: the function it is handed to; of indirect: the type
    Place at;
    std::uint32_t loop = 0;
    std::vector<Access> guards;
    std::vector<Argument> arguments;
    bool guessed = false;     // by the name of a method alone; of deferred: who calls it is a guess
    bool first_time = false;  // only while a global or member is not set: "if (!table_) load();"
};

struct Loop {
    Name function = kNoName;
    Place at;
    std::uint32_t outer = 0;  // index + 1
    bool endless = false;     // no count bounds it
    bool blocks = false;      // waits by itself (calls of blocking functions are found when units are joined)
    bool exits = false;       // has a break or a return
};

struct Class {
    Name id = kNoName, name = kNoName;
    Place at;
    std::vector<Name> bases;
    bool node = false;  // has a pointer to its own kind
};

// An object is made where it does not live as long as the process, unless the function runs once.
struct Creation {
    Name type = kNoName, function = kNoName;
    Place at;
    std::uint32_t loop = 0;
};

// A call of a template's function gives an object of this class: what the template keeps is of it.
struct Given {
    Name function = kNoName, type = kNoName;
    auto operator<=>(const Given&) const = default;
};

// Something that must be given back: opened here, into a local variable.
struct Handle {
    Name function = kNoName, variable = kNoName, acquire = kNoName, release = kNoName;  // words: "fopen", "fclose"
    Place at;
    bool counted = false;          // the language's runtime closes it with its last reference
    std::optional<Place> skipped;  // a return or throw between acquire and release that does not release
};

// A removal that the path of an early return or a throw does not reach, in the function that added.
struct Skip {
    Access on;
    Name function = kNoName;
    Place added, left, removed;
    bool thrown = false;
};

// A comment in the source: "leakline: bounded by N, reason".
struct Bound {
    Place at;
    Name text = kNoName;
    bool valid = false;  // says a number or name, and a reason
};

// A function whose results are all kept: functools.lru_cache(maxsize=None).
struct Memo {
    Name function = kNoName;
    Place at;
    Name word = kNoName;
    bool parameters = false;  // has any: otherwise one result is kept
    bool cleared = false;     // cache_clear() is called in this unit
};

// A module imports a name, so that others can import it from there: "py:store.Store" is "py:store.backend.Store".
struct Reexport {
    Name as = kNoName, of = kNoName;
};

// Lines that the compiler has errors in: the function around an error, or its line alone. What they do may be missing.
struct Unread {
    Place at;
    std::uint32_t end = 0;  // the last line
};

struct UnitFacts {
    std::vector<std::string> names = {""};
    std::vector<Variable> variables;
    std::vector<Operation> operations;
    std::vector<Alias> aliases;
    std::vector<Flow> flows;
    std::vector<Function> functions;
    std::vector<Call> calls;
    std::vector<Loop> loops;
    std::vector<Class> classes;
    std::vector<Creation> creations;
    std::vector<Given> given;
    std::vector<Reexport> reexports;
    std::vector<Handle> handles;
    std::vector<Skip> skips;
    std::vector<Bound> bounds;
    std::vector<Memo> memos;
    std::vector<Alias> size_results;  // `alias`, a function's result, is or compares the size of `of`
    std::vector<Name> service_words;  // what shows that this is a service: "accept", "epoll_wait"
    // In Python: words that the module says elsewhere than in a definition. What no module says is called by none of them, but
    // "on_" may be the start of any name that follows, and kAnyWord is any.
    std::vector<Name> mentions;
    bool has_main = false;  // in Python: it runs as a program, or makes an application
    // Of units with these nothing is cached.
    std::vector<std::string> errors;   // why facts may be missing: the first messages of the compiler
    std::vector<Unread> unread;        // where
    std::vector<std::string> missing;  // headers, or names that a build gives: what they declare was guessed
    std::uint32_t lines = 0;
};

// The loop that each fact is in (an index + 1, or 0), given to read or to change.
template <class Facts, class F>
void for_each_loop(Facts& facts, const F& visit) {
    for (auto& operation : facts.operations) visit(operation.loop);
    for (auto& call : facts.calls) visit(call.loop);
    for (auto& creation : facts.creations) visit(creation.loop);
    for (auto& variable : facts.variables) visit(variable.loop);
}

// Adds names to facts, each once. Lives while facts is filled.
class Names {
  public:
    explicit Names(UnitFacts& facts) : facts_(facts) {
        for (std::size_t i = 0; i < facts.names.size(); ++i) index_.emplace(facts.names[i], static_cast<Name>(i));
    }
    Name operator()(std::string text) {
        const auto [at, added] = index_.emplace(std::move(text), static_cast<Name>(facts_.names.size()));
        if (added) facts_.names.push_back(at->first);
        return at->second;
    }

  private:
    UnitFacts& facts_;
    std::unordered_map<std::string, Name> index_;
};

// Adds flows to facts, each once.
class Flows {
  public:
    explicit Flows(UnitFacts& facts) : facts_(facts) {}
    void operator()(Name to, const std::set<Name>& from) {
        if (to == kNoName) return;
        for (const Name value : from)
            if (value != to && value != kNoName && known_.insert({to, value}).second) facts_.flows.push_back({to, value});
    }

  private:
    UnitFacts& facts_;
    std::set<Flow> known_;
};

}  // namespace leakline::audit
