#include "audit/internal/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/strings.hpp"

namespace leakline::audit {

namespace {

constexpr std::size_t kLongestReach = 12;

// Every name in the facts of a unit, given to change.
template <class F>
void for_each_name(UnitFacts& facts, const F& change) {
    const auto place = [&](Place& at) { change(at.file); };
    for (Variable& variable : facts.variables) {
        for (Name* name : {&variable.id, &variable.name, &variable.type, &variable.owner}) change(*name);
        place(variable.at);
        for (Name& name : variable.holds) change(name);
        for (Name& name : variable.elements) change(name);
    }
    for (Operation& operation : facts.operations) {
        for (Name* name :
             {&operation.on.variable, &operation.function, &operation.word, &operation.node, &operation.counter, &operation.key})
            change(*name);
        place(operation.at);
        for (Access& guard : operation.guards) change(guard.variable);
        for (Name& name : operation.key_values) change(name);
    }
    for (auto* aliases : {&facts.aliases, &facts.size_results})
        for (Alias& alias : *aliases) {
            change(alias.alias);
            change(alias.of.variable);
        }
    for (Flow& flow : facts.flows) {
        change(flow.to);
        change(flow.from);
    }
    for (Function& function : facts.functions) {
        for (Name* name : {&function.id, &function.name, &function.owner, &function.type, &function.entry_reason}) change(*name);
        place(function.at);
        for (Name& name : function.overrides) change(name);
    }
    for (Call& call : facts.calls) {
        for (Name* name : {&call.from, &call.to, &call.through}) change(*name);
        place(call.at);
        for (Access& guard : call.guards) change(guard.variable);
        for (Argument& argument : call.arguments) {
            if (argument.access) change(argument.access->variable);
        }
    }
    for (Loop& loop : facts.loops) {
        change(loop.function);
        place(loop.at);
    }
    for (Class& type : facts.classes) {
        change(type.id);
        change(type.name);
        place(type.at);
        for (Name& name : type.bases) change(name);
    }
    for (Creation& creation : facts.creations) {
        change(creation.type);
        change(creation.function);
        place(creation.at);
    }
    for (Given& given : facts.given) {
        change(given.function);
        change(given.type);
    }
    for (Handle& handle : facts.handles) {
        for (Name* name : {&handle.function, &handle.variable, &handle.acquire, &handle.release}) change(*name);
        place(handle.at);
        if (handle.skipped) place(*handle.skipped);
    }
    for (Skip& skip : facts.skips) {
        change(skip.on.variable);
        change(skip.function);
        for (Place* at : {&skip.added, &skip.left, &skip.removed}) place(*at);
    }
    for (Bound& bound : facts.bounds) {
        place(bound.at);
        change(bound.text);
    }
    for (Memo& memo : facts.memos) {
        change(memo.function);
        change(memo.word);
        place(memo.at);
    }
    for (Unread& unread : facts.unread) place(unread.at);
    for (Name& name : facts.service_words) change(name);
    for (Name& name : facts.mentions) change(name);
}

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void Program::note_reexports(const UnitFacts& facts) {
    const std::size_t names = facts.names.size();
    for (const Reexport& reexport : facts.reexports)
        if (reexport.as < names && reexport.of < names) reexports_.emplace(facts.names[reexport.as], facts.names[reexport.of]);
}

// "py:store.Store.items": the longest part of it that is imported from elsewhere is replaced, again and again.
std::string Program::original_name(std::string name) const {
    constexpr int kMaxSteps = 6;
    if (reexports_.empty() || !name.starts_with("py:")) return name;
    for (int step = 0; step < kMaxSteps; ++step) {
        bool changed = false;
        for (std::size_t end = name.size(); end != name.npos && end > 3 && !changed; end = name.find_last_of(".#:", end - 1)) {
            const auto known = reexports_.find(name.substr(0, end));
            if (known == reexports_.end()) continue;
            name = known->second + name.substr(end);
            changed = true;
        }
        if (!changed) break;
    }
    return name;
}

void Program::add(UnitFacts unit) {
    if (index_.empty()) index_.emplace("", kNoName);
    std::vector<Name> renamed(unit.names.size(), kNoName);
    for (std::size_t i = 1; i < unit.names.size(); ++i) {
        const auto [at, added] = index_.emplace(original_name(std::move(unit.names[i])), static_cast<Name>(facts_.names.size()));
        if (added) facts_.names.push_back(at->first);
        renamed[i] = at->second;
    }
    for_each_name(unit, [&](Name& name) { name = name < renamed.size() ? renamed[name] : kNoName; });

    // A function of a header is in many units: its facts are taken from the first.
    std::set<Name> known;
    for (const Function& function : unit.functions)
        if (!joined_.insert(function.id).second) known.insert(function.id);
    const auto is_known = [&](Name function) { return known.contains(function); };
    const auto first_time = [&](Name function, const std::string& key) {
        return function == kNoName ? outside_.insert(key).second : !is_known(function);
    };

    // Loops are named by their index.
    const auto base = static_cast<std::uint32_t>(facts_.loops.size());
    const auto move_loop = [&](std::uint32_t& loop) {
        if (loop != 0) loop += base;
    };
    for (Loop& loop : unit.loops) move_loop(loop.outer);
    for_each_loop(unit, move_loop);

    std::erase_if(unit.operations, [&](const Operation& o) {
        return !first_time(o.function, fmt::format("o{}:{}:{}:{}", static_cast<int>(o.kind), o.on.variable, o.at.file, o.at.line));
    });
    std::erase_if(unit.calls, [&](const Call& c) {
        return !first_time(c.from, fmt::format("c{}:{}:{}:{}", static_cast<int>(c.kind), c.to, c.at.file, c.at.line));
    });
    std::erase_if(unit.creations, [&](const Creation& c) { return is_known(c.function); });
    std::erase_if(unit.handles, [&](const Handle& h) { return is_known(h.function); });
    std::erase_if(unit.skips, [&](const Skip& s) { return is_known(s.function); });
    std::erase_if(unit.functions, [&](const Function& f) { return is_known(f.id); });
    std::erase_if(unit.memos, [&](const Memo& m) { return is_known(m.function); });

    append(facts_.operations, unit.operations);
    append(facts_.calls, unit.calls);
    append(facts_.creations, unit.creations);
    append(facts_.given, unit.given);
    append(facts_.handles, unit.handles);
    append(facts_.skips, unit.skips);
    append(facts_.functions, unit.functions);
    append(facts_.memos, unit.memos);
    append(facts_.loops, unit.loops);
    append(facts_.service_words, unit.service_words);
    for (const Unread& unread : unit.unread)  // a header's, of each unit that includes it
        if (outside_.insert(fmt::format("u{}:{}:{}", unread.at.file, unread.at.line, unread.end)).second) facts_.unread.push_back(unread);
    for (Bound& bound : unit.bounds)
        if (outside_.insert(fmt::format("b{}:{}", bound.at.file, bound.at.line)).second) facts_.bounds.push_back(bound);
    for (Variable& variable : unit.variables) {
        const auto [at, added] = variables_.emplace(variable.id, facts_.variables.size());
        if (added) {
            facts_.variables.push_back(std::move(variable));
            continue;
        }
        // "extern" in one unit, defined in another.
        Variable& first = facts_.variables[at->second];
        first.container = first.container || variable.container;
    }
    for (const Flow& flow : unit.flows) flows_[flow.from].push_back(flow.to);
    for (Class& type : unit.classes)
        if (classes_.emplace(type.id, facts_.classes.size()).second) facts_.classes.push_back(std::move(type));
    for (const Alias& alias : unit.aliases) {
        auto& list = aliases_[alias.alias];
        if (std::find(list.begin(), list.end(), alias.of) == list.end()) list.push_back(alias.of);
    }
    for (const Alias& alias : unit.size_results)
        if (outside_.insert(fmt::format("s{}:{}", alias.alias, alias.of.variable)).second) facts_.size_results.push_back(alias);
    const bool python = !unit.functions.empty() && is_python(unit.functions.front().id);
    (python ? has_python_program_ : facts_.has_main) |= unit.has_main;
    for (const Name word : unit.mentions) mentioned_.insert(text(word));
    facts_.lines += unit.lines;
}

void Program::join() {
    for (const Alias& alias : facts_.size_results) sizes_[alias.alias].push_back(alias.of);
    for (std::size_t i = 0; i < facts_.functions.size(); ++i) functions_.emplace(facts_.functions[i].id, i);
    for (const Function& function : facts_.functions)
        for (const Name base : function.overrides) overriders_[base].push_back(function.id);
    for (const Operation& operation : facts_.operations)
        if (operation.kind == Operation::Kind::count_up) {
            counted_in_[operation.on.variable].insert(operation.function);
            if (const Function* function = this->function(operation.function); function != nullptr && function->owner != kNoName)
                counted_in_[operation.on.variable].insert(function->owner);
        }
    join_attributes_of_bases();
    join_unknown_classes();
    join_overriders();
    join_calls();
    join_destructors();
    find_loops();
    repeated_ = find_repeated(false);
    perhaps_repeated_ = find_repeated(true);
    find_reached_from_main();
    find_threads();
    find_lifetimes();
    find_request_values();
}

const Variable* Program::variable(Name id) const {
    const auto at = variables_.find(id);
    return at == variables_.end() ? nullptr : &facts_.variables[at->second];
}
const Function* Program::function(Name id) const {
    const auto at = functions_.find(id);
    return at == functions_.end() ? nullptr : &facts_.functions[at->second];
}
const Class* Program::class_of(Name id) const {
    const auto at = classes_.find(id);
    return at == classes_.end() ? nullptr : &facts_.classes[at->second];
}

std::string Program::place_text(Place place) const { return fmt::format("{}:{}", file_name(text(place.file)), place.line); }

std::vector<Access> Program::reached(const Access& access, Reach reach) const {
    constexpr std::size_t kMaxReached = 64;
    struct Step {
        Access at;
        bool through_result = false;
    };
    std::vector<Access> found;
    std::vector<Step> open = {{access}};
    std::set<std::pair<Name, std::uint8_t>> seen;
    while (!open.empty() && found.size() < kMaxReached) {
        auto [at, through_result] = open.back();
        open.pop_back();
        if (const auto base = of_base_.find(at.variable); base != of_base_.end()) at.variable = base->second;
        if (at.depth > 8 || !seen.insert({at.variable, at.depth}).second) continue;
        const Variable* known = variable(at.variable);
        // A parameter or a local reference is not what holds; what it stands for is.
        const bool stands =
            known == nullptr || ((known->storage == Storage::local || known->storage == Storage::parameter) && known->indirect);
        if (!stands) found.push_back(at);
        if (known != nullptr && !known->indirect && known->storage != Storage::parameter && known->container) continue;
        // A function that returns what it was given (a wrapper of realloc) would make one of the arguments of all its calls.
        const bool parameter = known != nullptr && known->storage == Storage::parameter;
        if (parameter && through_result && reach == Reach::surely) continue;
        const bool result = known == nullptr && text(at.variable).ends_with("#result");
        for (const Access& of : found_or_empty(aliases_, at.variable))
            open.push_back({{of.variable, static_cast<std::uint8_t>(of.depth + at.depth)}, through_result || result});
    }
    return found;
}

void Program::find_loops() {
    // Functions that wait, by themselves or through what they call.
    std::set<Name> waiting;
    for (const Function& function : facts_.functions)
        if (function.blocks) waiting.insert(function.id);
    constexpr int kMaxCalls = 4;
    for (int round = 0; round < kMaxCalls; ++round) {
        const std::size_t before = waiting.size();
        for (const auto& [from, edges] : edges_)
            if (std::any_of(edges.begin(), edges.end(), [&](const Edge& edge) { return !edge.guessed && waiting.contains(edge.to); }))
                waiting.insert(from);
        if (waiting.size() == before) break;
    }
    service_loops_.assign(facts_.loops.size(), false);
    for (std::size_t i = 0; i < facts_.loops.size(); ++i) service_loops_[i] = facts_.loops[i].endless && facts_.loops[i].blocks;
    for (const auto& [from, edges] : edges_)
        for (const Edge& edge : edges)
            for (std::uint32_t loop = edge.loop; loop != 0; loop = facts_.loops[loop - 1].outer)
                if (facts_.loops[loop - 1].endless && !edge.guessed && waiting.contains(edge.to)) service_loops_[loop - 1] = true;
    // A function whose own loop never ends, or that runs a library's.
    for (std::size_t i = 0; i < facts_.loops.size(); ++i)
        if (service_loops_[i] && !facts_.loops[i].exits) serving_.insert(facts_.loops[i].function);
    for (const Function& function : facts_.functions)
        if (function.serves) serving_.insert(function.id);
    service_ = !facts_.service_words.empty() || std::find(service_loops_.begin(), service_loops_.end(), true) != service_loops_.end() ||
               std::any_of(facts_.functions.begin(), facts_.functions.end(), [](const Function& f) { return f.is_entry(); });
}

bool Program::is_endless(std::uint32_t loop) const {
    for (; loop != 0; loop = facts_.loops[loop - 1].outer)
        if (service_loops_[loop - 1] && !facts_.loops[loop - 1].exits) return true;
    return false;
}

std::uint32_t Program::service_loop(std::uint32_t loop) const {
    while (loop != 0 && !service_loops_[loop - 1]) loop = facts_.loops[loop - 1].outer;
    return loop;
}

// guesses: through calls whose callee is guessed, too.
std::unordered_map<Name, Program::Root> Program::find_repeated(bool guesses) const {
    std::unordered_map<Name, Root> repeated;
    if (!service_) return repeated;
    std::deque<Name> open;
    const auto reach = [&](Name to, Root root) {
        if (function(to) != nullptr && repeated.emplace(to, std::move(root)).second) open.push_back(to);
    };
    for (const auto& [id, why] : roots_) reach(id, {why, kNoName});
    if (guesses)
        for (const auto& [id, why] : guessed_roots_) reach(id, {why, kNoName});
    for (const auto& [from, edges] : edges_)
        for (const Edge& edge : edges)
            if (const std::uint32_t loop = service_loop(edge.loop); loop != 0 && (guesses || !edge.guessed))
                reach(edge.to, {fmt::format("called in the loop at {}", place_text(facts_.loops[loop - 1].at)), kNoName});
    for (; !open.empty(); open.pop_front()) {
        const Name from = open.front();
        for (const Edge& edge : found_or_empty(edges_, from))
            if (guesses || !edge.guessed) reach(edge.to, {"", from});
    }
    return repeated;
}

void Program::find_reached_from_main() {
    std::deque<Name> open;
    const auto reach = [&](Name to) {
        if (from_main_.insert(to).second) open.push_back(to);
    };
    for (const Function& function : facts_.functions)
        if (function.main) reach(function.id);
    reach(kNoName);  // initializers of globals
    for (; !open.empty(); open.pop_front()) {
        for (const Edge& edge : found_or_empty(edges_, open.front())) reach(edge.to);
    }
}

// What a thread of this code's own runs.
void Program::find_threads() {
    std::deque<Name> open;
    const auto reach = [&](Name to) {
        if (in_thread_.insert(to).second) open.push_back(to);
    };
    for (const Call& call : facts_.calls) {
        const Function* through = function(call.through);
        if (call.kind == Call::Kind::thread || (call.kind == Call::Kind::handed && through != nullptr && through->starts_parameter))
            reach(call.to);
    }
    for (; !open.empty(); open.pop_front())
        for (const Edge& edge : found_or_empty(edges_, open.front())) reach(edge.to);
}

Runs Program::runs(Name id) const {
    if (repeated_.contains(id)) return Runs::repeatedly;
    if (from_main_.contains(id)) return Runs::once;
    const Function* known = function(id);
    if (known == nullptr) return Runs::unknown;
    const bool not_by_calls = known->kind == Function::Kind::constructor || known->kind == Function::Kind::destructor ||
                              roots_.contains(id) || guessed_roots_.contains(id);
    if (not_by_calls && calls_of(id).empty()) return Runs::unknown;
    if (is_python(id)) return known->local_file || (has_python_program_ && is_unmentioned(*known)) ? Runs::never : Runs::unknown;
    // Where it is called, then from nothing that runs.
    return facts_.has_main || known->local_file ? Runs::never : Runs::unknown;
}

// Whether no module of Python says the name of a function: nothing of this code calls it. A base that is not of this code may.
bool Program::is_unmentioned(const Function& function) const {
    const std::string& full = text(function.name);
    const std::string name = full.substr(full.rfind('.') + 1);  // npos + 1 is 0
    if (name.starts_with("__") || function.is_entry() || mentioned_.contains(name) || mentioned_.contains(kAnyWord)) return false;
    // getattr(self, "on_" + event)
    for (std::size_t end = name.find('_'); end != name.npos; end = name.find('_', end + 1))
        if (mentioned_.contains(name.substr(0, end + 1))) return false;
    constexpr std::size_t kMaxClasses = 50;
    std::vector<Name> open = {function.owner};
    for (std::size_t i = 0; i < open.size() && i < kMaxClasses && function.owner != kNoName; ++i) {
        const Class* type = class_of(open[i]);
        if (type == nullptr) return false;
        open.insert(open.end(), type->bases.begin(), type->bases.end());
    }
    return true;
}

// Whether a place is in a service's loop, in a function that runs.
bool Program::is_repeated_by(Name function, std::uint32_t loop) const {
    return service_ && in_service_loop(loop) && !(is_python(function) && runs(function) == Runs::never);
}

bool Program::may_run_repeatedly(Name function, std::uint32_t loop) const {
    return is_repeated_by(function, loop) || perhaps_repeated_.contains(function);
}

Runs Program::runs(Name function, std::uint32_t loop) const { return is_repeated_by(function, loop) ? Runs::repeatedly : runs(function); }

std::vector<Name> Program::path_to(Name id, std::uint32_t loop) const {
    std::vector<Name> path = {id};
    if (in_service_loop(loop)) return path;
    for (auto at = repeated_.find(id); at != repeated_.end() && at->second.from != kNoName && path.size() < kLongestReach;
         at = repeated_.find(at->second.from))
        path.push_back(at->second.from);
    return path;
}

bool Program::is_given_requests(Name id, std::uint32_t loop) const {
    if (in_service_loop(loop) || !text(id).starts_with("py:")) return true;
    return starts_at_handler(path_to(id, loop));
}

bool Program::is_handled(Name id) const {
    const auto at = repeated_.find(id);
    const Function* known = function(id);
    const bool registered = roots_.contains(id) && (known == nullptr || !known->is_entry());
    return !registered || (at != repeated_.end() && at->second.why.starts_with("called in the loop")) || !text(id).starts_with("py:");
}

std::vector<std::string> Program::reach(Name id, std::uint32_t loop) const {
    std::vector<std::string> path;
    const auto name = [&](Name of) {
        const Function* known = function(of);
        return known == nullptr ? text(of) : fmt::format("{} ({})", text(known->name), place_text(known->at));
    };
    if (const std::uint32_t around = service_loop(loop); around != 0)
        return {fmt::format("the loop at {}", place_text(facts_.loops[around - 1].at)), name(id)};
    for (Name at = id; path.size() < kLongestReach;) {
        const auto found = repeated_.find(at);
        if (found == repeated_.end()) break;
        path.push_back(found->second.why.empty() ? name(at) : fmt::format("{}, {}", name(at), found->second.why));
        if (found->second.from == kNoName) break;
        at = found->second.from;
    }
    std::reverse(path.begin(), path.end());
    return path;
}

const std::vector<const Call*>& Program::calls_of(Name function) const { return found_or_empty(calls_, function); }

const std::vector<Access>& Program::sizes_behind(Name value) const { return found_or_empty(sizes_, value); }

bool Program::counts_in(Name integer, Name id) const {
    const std::set<Name>& counting = found_or_empty(counted_in_, integer);
    const Function* known = function(id);
    return counting.contains(id) || (known != nullptr && known->owner != kNoName && counting.contains(known->owner));
}

}  // namespace leakline::audit
