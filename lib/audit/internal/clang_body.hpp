// Reads the bodies of functions: what is done to variables, in which loop, under which condition, and who is called.
//
// Thread-safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "audit/internal/body_state.hpp"
#include "audit/internal/clang_tree.hpp"

namespace leakline::audit {

class BodyReader {
  public:
    BodyReader(ClangTree& tree, UnitFacts& facts) : tree_(tree), facts_(facts), note_flow_(facts) {}

    // A function that has a body: its initializers, then the body. Lambdas in it become functions of their own.
    void read_function(CXCursor function, Name id);
    // The initializer of a global or a member: functions in it are called later, variables stand for others.
    void read_initializer(CXCursor expression, Name variable);

    // Whether a field makes its class one of nodes: it points to another one, or embeds what does.
    bool makes_node(CXCursor field);

    // Notes a variable as one of this code, once. Returns its identifier.
    Name note_variable(CXCursor declaration);

  private:
    struct Context : BodyState {
        std::map<Name, std::uint32_t> parameters;  // with their index
        std::set<Name> fresh;                      // local pointers that were set from a call that allocates, in this function
        std::set<Name> loaded;                     // local pointers that were read out of a structure
        std::map<Name, Access> linked_to;          // node->next = G: node -> G
        std::map<Name, std::uint32_t> indices;     // local integers that a loop counts up, and the loop
        CXType result{};
        std::vector<std::uint32_t> breaks;  // what a break leaves: a loop, 0 for a switch
    };

    void walk(CXCursor cursor);
    void walk_children(CXCursor cursor);
    void walk_if(CXCursor statement);
    void walk_loop(CXCursor statement);
    bool goes_on(CXCursor condition, int depth = 0);
    void walk_return(CXCursor statement);
    void walk_local(CXCursor declaration);
    void walk_lambda(CXCursor lambda);
    void walk_branch(CXCursor statement);
    void note_members(CXCursor list);
    void walk_bindings(CXCursor declaration);
    void walk_subscript(CXCursor subscript);

    // calls (clang_calls.cpp)
    void walk_call(CXCursor call);
    void container_method(CXCursor call, CXCursor method, const std::string& word, CXCursor object, const std::vector<CXCursor>& arguments);
    void note_service(CXCursor call, CXCursor callee, const std::string& word, const std::vector<CXCursor>& arguments);
    void note_standard_effects(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments);
    void note_copy_behind(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments);
    void note_free(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments, bool project);
    void library_call(CXCursor call, CXCursor callee, const std::string& word, const std::vector<CXCursor>& arguments, bool project);
    Argument argument_of(CXCursor expression);
    void note_dependent(CXCursor call, const std::string& name, std::optional<CXCursor> object, const std::vector<CXCursor>& arguments);
    void note_call(CXCursor call, CXCursor callee, const std::vector<CXCursor>& arguments, bool project);
    void note_overloads(CXCursor call, CXCursor function, const std::vector<CXCursor>& arguments);
    void note_called_parameter(CXCursor function, const std::vector<CXCursor>& arguments);
    void note_invoked(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments);
    void note_arguments_behind(Name function, std::size_t at, const std::vector<CXCursor>& arguments);
    void note_handed_on(CXCursor call, const std::string& word, const std::vector<CXCursor>& arguments, bool project);
    void note_given_by(Call& handed);
    void note_handed_functions(CXCursor call, CXCursor callee, const std::vector<CXCursor>& arguments, bool project);
    std::optional<Handle> opened_by(CXCursor value, Name variable);
    void note_deferred(CXCursor expression);
    void note_creation(CXType type, CXCursor at);
    void note_indirect(CXCursor call, CXType type);
    void note_given(CXCursor call, CXCursor callee);
    std::vector<CXCursor> arguments_of(CXCursor call) const;
    Name function_in(CXCursor expression, int depth = 0);

    // assignments and structures made by hand (clang_links.cpp)
    void walk_assignment(CXCursor whole, CXCursor left, CXCursor right);
    void walk_compound(CXCursor expression);
    void walk_unary(CXCursor expression);
    void note_macro(CXCursor statement);
    std::optional<CXCursor> find_named(CXCursor statement, std::string_view name, int depth = 0);
    void note_link(CXCursor whole, CXCursor left, CXCursor right);
    void note_store_at(CXCursor whole, CXCursor left);
    void note_store_behind(CXCursor whole, CXCursor base, CXCursor index, const std::string& word);
    bool is_allocation(CXCursor expression, int depth = 0);
    bool is_null_literal(CXCursor expression) const;

    bool is_link(CXCursor field);
    bool has_links(CXCursor field);
    std::optional<Access> access(CXCursor expression, int depth = 0);
    std::optional<Access> call_access(CXCursor call, int depth);
    std::vector<Access> sizes_in(CXCursor condition, bool compared = false, int depth = 0);
    bool is_search_index(CXCursor expression);
    std::optional<std::pair<Access, bool>> emptiness_in(CXCursor condition, bool negated = false);
    bool exits(CXCursor branch, int depth = 0);
    void mentioned(CXCursor expression, std::set<Name>& variables, int depth = 0);
    bool few_values(CXCursor expression, int depth = 0);
    void values_in(CXCursor expression, std::set<Name>& values, int depth = 0);
    void note_flow(Name to, CXCursor from);
    void note_flow(Name to, const std::set<Name>& from) { note_flow_(to, from); }
    void note_call_flow(CXCursor call, CXCursor callee, std::optional<CXCursor> object, const std::vector<CXCursor>& arguments,
                        bool project);
    void note_key(Operation& operation, CXCursor key, bool few_keys);
    bool sets_first_time(CXCursor condition);
    bool is_set(CXCursor condition);
    std::optional<std::uint32_t> parameter_in(CXCursor expression);

    Operation& add(Operation::Kind kind, const Access& on, CXCursor at, const std::string& word);
    bool is_local(Name variable) const { return local_.contains(variable); }

    ClangTree& tree_;
    UnitFacts& facts_;
    std::set<Name> noted_, local_;
    std::set<Given> given_;
    std::set<Name> makers_;  // functions that return a node that they have made
    Flows note_flow_;
    std::map<Name, Name> callables_;  // local std::functions -> what they hold
    std::vector<Context> contexts_;
    int depth_ = 0;
    bool static_ = false;  // in the initializer of what is made once
    bool writes_ = false;  // the expression that is walked next is assigned to, or changed
    BodyState outside_;    // of functions: in the initializers of globals and members
    Context& here() { return contexts_.back(); }
    BodyState& state() { return contexts_.empty() ? outside_ : here(); }
};

}  // namespace leakline::audit
