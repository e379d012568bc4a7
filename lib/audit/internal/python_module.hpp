// One Python module while it is read: what its names mean, and the walk over its bodies.
//
// Identifiers: "py:module.name" of globals, functions and classes, "py:module.Class.name" of methods and of attributes (of the
// class and of its objects alike), "py:module.function:name" of locals, "py:*.name" of an attribute or a method of an object
// whose class is not known.
//
// Thread-safety: one thread.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "audit/internal/body_state.hpp"
#include "audit/internal/python_tree.hpp"

namespace leakline::audit {

inline bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}
template <class Kind, class = std::enable_if_t<std::is_enum_v<Kind>>>
bool one_of(Kind kind, std::initializer_list<Kind> kinds) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}
inline std::string_view last_part(std::string_view dotted) {
    const std::size_t dot = dotted.rfind('.');
    return dot == dotted.npos ? dotted : dotted.substr(dot + 1);
}

// The function or class that a statement defines, with decorators or without; any other statement as it is.
inline PythonNode undecorated(PythonNode statement) {
    return statement.is("decorated_definition") ? statement.field("definition") : statement;
}

// What a value is, as far as the expression that makes it shows.
struct PythonValue {
    enum class Kind : std::uint8_t { unknown, list, dict, default_dict, set, queue, text, bounded, plain, object };
    Kind kind = Kind::unknown;
    std::string type;             // of an object: the class's identifier
    bool given = false;           // made elsewhere, as an annotation says
    bool fixed_elements = false;  // of a dict: what is in it does not grow, or is held elsewhere
    bool grows() const {
        return kind == Kind::list || kind == Kind::dict || kind == Kind::default_dict || kind == Kind::set || kind == Kind::queue ||
               kind == Kind::text;
    }
};

class PythonModule {
  public:
    PythonModule(UnitFacts& facts, std::string path, std::string module);
    void read(PythonNode root);

  private:
    struct ClassScope {
        std::string id;
        std::vector<std::string> bases;  // as written
        std::map<std::string, PythonValue> attributes;
        std::set<std::string> shared, methods;                // attributes of the class itself
        std::map<std::string, std::set<std::string>> set_by;  // attribute -> methods that assign it, "" for the class
        std::map<std::string, PythonValue> annotated;         // parameters of the method that is read, with a class for their type
        bool handles = false;                                 // objects of it handle requests that a framework puts in
        std::string wraps;                                    // of middleware, which a framework makes once: the method for requests
    };
    struct Scope : BodyState {
        std::string id, qualified;  // "py:module.f", "f"
        const ClassScope* owner = nullptr;
        std::string self;  // the name of the first parameter of a method
        std::set<std::string> globals, nonlocals, locals;
        std::map<std::string, PythonValue> values;
        std::map<std::string, std::uint32_t> parameters;
        std::map<std::string, std::string> functions;  // nested: name -> id
        std::set<std::string> allowed;                 // locals that are keys of a container that lasts
        std::map<std::string, PythonNode> assigned;    // locals that are assigned once: what they get
        std::set<std::string> present, absent;         // "key in items", that it is so or not, by conditions around
        bool in_except = false;
    };

    // What stands in the module (python_reader.cpp).
    void collect(PythonNode block);
    void collect_import(PythonNode statement);
    void collect_class(PythonNode definition, const std::string& prefix);
    void collect_attributes(PythonNode body, ClassScope& scope, const std::string& self, const std::string& method);
    void collect_locals(PythonNode body, Scope& scope);
    PythonValue value_of(PythonNode expression);
    PythonValue annotated_value(PythonNode type) const;        // an object, where the annotation names a class
    std::string resolved_name(std::string_view dotted) const;  // through imports: "py:store.cache"
    Name note_variable(const std::string& id, const std::string& name, Storage storage, const std::string& owner, PythonNode at,
                       const PythonValue& value);
    std::string entry_reason(PythonNode definition, const std::vector<PythonNode>& decorators, const ClassScope* owner) const;
    bool is_outside_handler(const ClassScope* owner) const;
    bool is_log_handler(const ClassScope* owner) const;

    // UnitFacts::mentions (python_mentions.cpp).
    void note_mentions(PythonNode root);
    void collect_mentions(PythonNode node, std::set<std::string>& words, int depth = 0) const;
    struct GivenObjects;
    void collect_given(PythonNode node, GivenObjects& objects, int depth = 0) const;

    // Bodies (python_body.cpp).
    void walk(PythonNode node);
    void walk_children(PythonNode node);
    void walk_function(PythonNode definition, const std::vector<PythonNode>& decorators);
    void walk_class(PythonNode definition);
    void walk_if(PythonNode statement);
    void note_present(PythonNode condition);
    void note_absent(PythonNode condition, bool present);
    void walk_loop(PythonNode statement);
    void walk_try(PythonNode statement);
    void walk_with(PythonNode statement);
    void walk_assignment(PythonNode statement);
    void walk_augmented(PythonNode statement);
    void walk_call(PythonNode call);
    void walk_method_call(PythonNode call, PythonNode function);
    void walk_delete(PythonNode statement);
    void walk_lambda(PythonNode lambda);
    void assign(PythonNode target, PythonNode value, bool module_level);
    void read_parameters(PythonNode parameters, Scope& scope);
    void read_rest_parameter(PythonNode name, std::uint32_t index, Scope& scope);
    bool note_handle(PythonNode target, PythonNode value);

    std::string application_state(PythonNode expression) const;  // "app[\"sockets\"]", "" where it is none
    std::optional<Access> access(PythonNode expression, int depth = 0);
    Access variable_access(const std::string& name);
    Variable* noted_variable(Name id);       // nothing where it was not noted
    void place_at(Name variable, Place at);  // unless it has a place
    std::string class_prefix() const;        // "Outer.Inner." in the body of a class, else ""
    bool is_self(PythonNode expression) const;
    bool is_given_by_framework(PythonNode attribute) const;
    bool has_base_here(const ClassScope& scope) const;  // in this module
    std::string own_class(std::string_view name);
    bool sets_first(PythonNode target, PythonNode value) const;
    bool is_module(PythonNode expression) const;
    bool is_local_name(const std::string& name) const;       // of any function around
    std::string inherited(const std::string& member) const;  // its identifier in the first base that is known, "" where there is none
    PythonValue known_value(PythonNode expression);
    std::vector<Access> sizes_in(PythonNode condition, bool compared = false, int depth = 0);
    std::string callee(PythonNode function);  // an identifier, "" where it is not of this code
    Name function_in(PythonNode expression);  // a function that is handed over, not called
    static bool is_enumeration(const ClassScope& type);
    bool few_values(PythonNode expression) const;
    bool few_keys(PythonNode key, int depth = 0) const;
    void note_keys_of(PythonNode loop);
    std::optional<std::pair<Access, bool>> emptiness_in(PythonNode condition, bool negated = false);
    void note_allowed(PythonNode condition);
    void note_key(Operation& operation, PythonNode key);
    void values_in(PythonNode expression, std::set<Name>& values, int depth = 0);
    void note_flow(Name to, PythonNode from);
    void note_flow(Name to, const std::set<Name>& from) { note_flow_(to, from); }
    void note_call_flow(PythonNode call, const std::string& to);
    bool sets_first_time(PythonNode condition);
    bool leaves(PythonNode block) const;
    bool mentions(PythonNode expression, std::string_view name, int depth = 0) const;
    void note_call(PythonNode call, const std::string& to, PythonNode arguments);
    bool is_defined_here(const std::string& callee) const;
    void note_handed_queue(PythonNode value, const std::string& to);
    void note_handed(std::string_view word, const std::string& through, PythonNode arguments);
    Operation& add(Operation::Kind kind, const Access& on, PythonNode at, std::string_view word);
    Place place(PythonNode node) { return {name_(path_), node.line()}; }
    Scope& here() { return scopes_.back(); }
    const Scope& here() const { return scopes_.back(); }
    bool at_module_level() const { return scopes_.size() == 1; }

    UnitFacts& facts_;
    Names name_;
    std::string path_, module_;
    std::map<std::string, std::string> imports_;  // local name -> dotted name
    std::map<std::string, PythonValue> globals_;
    std::map<std::string, std::string> functions_;  // of the module: name -> id
    std::map<std::string, ClassScope> classes_;     // by the name within the module: "Outer.Inner"
    std::unordered_map<Name, std::size_t> noted_;   // variables, by their identifier: where they are in facts_.variables
    Flows note_flow_;
    std::vector<Scope> scopes_;
    std::vector<std::string> class_path_;
    int depth_ = 0, lambdas_ = 0;
};

}  // namespace leakline::audit
