#include "audit/internal/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/internal/key_doubts.hpp"

namespace leakline::audit {

namespace {

constexpr std::size_t kMaxSites = 20;

bool same_line_or_above(Place comment, Place place) {
    return comment.file == place.file && (comment.line == place.line || comment.line + 1 == place.line);
}

// Of a guard: the variables whose size or count it compares, or those of their elements (at a depth).
std::vector<Access> compared(const Program& program, const Access& guard) {
    std::vector<Access> found, open = {guard};
    std::set<std::pair<Name, std::uint8_t>> seen;
    while (!open.empty()) {
        const Access at = open.back();
        open.pop_back();
        if (!seen.insert({at.variable, at.depth}).second) continue;
        for (const Access& access : program.reached(at)) found.push_back(access);
        found.push_back(at);
        for (const Access& size : program.sizes_behind(at.variable)) open.push_back(size);
    }
    return found;
}

// "Job.__init__" -> "Job": each object has one.
std::string_view name_without_constructor(std::string_view name) {
    constexpr std::string_view kConstructor = ".__init__";
    return name.ends_with(kConstructor) ? name.substr(0, name.size() - kConstructor.size()) : name;
}

// "Store::jobs_" -> "jobs_".
std::string member_name(const std::string& subject) {
    const std::size_t member = subject.find_last_of(":.");
    return member == subject.npos ? subject : subject.substr(member + 1);
}

bool holds_parts_of_program(const std::string& subject) {
    static const std::set<std::string_view> words = {"config",       "conf",       "settings",  "options",    "plugins",     "modules",
                                                     "commands",     "routes",     "templates", "locales",    "schemas",     "types",
                                                     "classes",      "extensions", "factories", "converters", "middlewares", "blueprints",
                                                     "translations", "formatters", "parsers",   "codecs"};
    return has_word(member_name(subject), words) && !names_many_keys(member_name(subject));
}

// What is not proven of one addition.
std::vector<std::string> doubts_of(const Program& program, const Operation& addition, const std::string& subject) {
    constexpr std::size_t kLongestSurePath = 5;
    std::vector<std::string> doubts;
    if (!program.is_service())
        doubts.emplace_back("no handler and no loop that waits is in this code: it may run once for each process");
    else if (program.runs(addition.function, addition.loop) != Runs::repeatedly)
        doubts.emplace_back("no path from a handler or a service's loop to the growth is seen");
    // What is read again on a signal, or added by code that sets the service up, does not come with requests.
    if (const auto doubt = doubt_of_setup(program, addition.function, addition.loop)) doubts.push_back(*doubt);
    if (const auto doubt = doubt_of_key(program, addition, member_name(subject))) doubts.push_back(*doubt);
    if (program.path_to(addition.function, addition.loop).size() > kLongestSurePath)
        doubts.emplace_back("it is many calls away from the handler: one of them may be another function of the same name");
    if (addition.first_time) doubts.emplace_back("it grows only while something is not set yet");
    if (program.text(addition.word) == "[k]") doubts.emplace_back("it grows only where [] is given a key that it does not have");
    return doubts;
}

}  // namespace

std::span<const RuleRow> rules() {
    static const std::array<RuleRow, 6> table = {{
        {"containers that grow and are never cleaned", find_growing_containers},
        {"lists and trees linked by hand", find_growing_structures},
        {"arrays that are reallocated", find_growing_arrays},
        {"removals that an early return skips", find_skipped_removals},
        {"caches of results without a bound", find_unbounded_memos},
        {"handles that are not closed", find_open_handles},
    }};
    return table;
}

std::optional<std::string> doubt_of_setup(const Program& program, Name function, std::uint32_t loop) {
    static const std::set<std::string_view> words = {
        "init",    "initialize", "initialise", "setup",     "conf",     "config",      "configure",     "settings", "options",
        "reload",  "rehash",     "startup",    "bootstrap", "plugin",   "reconfigure", "configuration", "migrate",  "argv",
        "plugins", "module",     "modules",    "shutdown",  "teardown", "finalize",    "exit",          "quit"};
    for (const Name step : program.path_to(function, loop))
        if (const Function* known = program.function(step);
            known != nullptr && has_word(name_without_constructor(program.text(known->name)), words))
            return fmt::format("{} is on the way to it: it may run only at the start, at the end, or when the settings change",
                               program.text(known->name));
    return std::nullopt;
}

AuditFinding::Site site_of(const Program& program, Place at, Name function, const std::string& what) {
    AuditFinding::Site site;
    site.at.file = program.text(at.file);
    site.at.line = at.line;
    const Function* known = program.function(function);
    if (known != nullptr) site.at.function = program.text(known->name);
    site.what = what;
    return site;
}

std::string why_not_counted(const Program& program, const Operation& removal, const Variable& variable) {
    const Function* function = program.function(removal.function);
    const std::string name = function == nullptr ? "an initializer" : program.text(function->name);
    const bool own = function != nullptr && variable.storage == Storage::field && function->owner == variable.owner;
    if (function != nullptr && function->kind == Function::Kind::destructor)
        return own ? fmt::format("{} runs at the end of the object's life only", name) : "";
    if (own && function->kind == Function::Kind::constructor) return fmt::format("{} runs at the start of the object's life only", name);
    if (program.may_run_repeatedly(removal.function, removal.loop) || program.runs_in_thread(removal.function)) return {};
    if (removal.first_value) return fmt::format("{} sets it for the first time: nothing else does", name);
    switch (program.runs(removal.function, removal.loop)) {
        case Runs::repeatedly:
        case Runs::unknown: return {};
        case Runs::never: return fmt::format("{} is never called", name);
        case Runs::once: break;
    }
    // Without a handler everything runs once, and that says nothing.
    return program.is_service() ? fmt::format("{} runs at the start or the end only", name) : "";
}

bool is_guarded(const Program& program, const Operation& addition, const Additions& found) {
    const auto bounds = [&](const std::vector<Access>& guards) {
        for (const Access& guard : guards)
            for (const auto& [name, depth] : compared(program, guard)) {
                // That an element is missing or empty ("x = cache.get(key)", "if not x") says nothing about the container.
                if (name == found.variable->id && depth <= found.depth) return true;
                // A count that goes up with the container.
                const Variable* known = program.variable(name);
                if (known != nullptr && !known->container && known->storage != Storage::local && known->storage != Storage::parameter &&
                    program.counts_in(name, addition.function))
                    return true;
            }
        return false;
    };
    if (bounds(addition.guards)) return true;
    const auto& calls = program.calls_of(addition.function);
    return !calls.empty() && std::all_of(calls.begin(), calls.end(), [&](const Call* call) { return bounds(call->guards); });
}

bool has_few_arguments(const Program& program, Name function, std::uint32_t parameter, int depth) {
    constexpr int kDeepest = 4;
    const auto& calls = program.calls_of(function);
    return depth < kDeepest && !calls.empty() && std::all_of(calls.begin(), calls.end(), [&](const Call* call) {
               if (parameter >= call->arguments.size()) return false;
               const Argument& given = call->arguments[parameter];
               return given.few_values || (given.parameter && has_few_arguments(program, call->from, *given.parameter, depth + 1));
           });
}

bool has_few_keys(const Program& program, const Operation& addition) {
    if (addition.few_keys) return true;
    return addition.key_parameter && has_few_arguments(program, addition.function, *addition.key_parameter);
}

bool is_said_bounded(const Program& program, const std::vector<Place>& places) {
    const auto& bounds = program.facts().bounds;
    return std::any_of(bounds.begin(), bounds.end(), [&](const Bound& bound) {
        return bound.valid && std::any_of(places.begin(), places.end(), [&](Place place) { return same_line_or_above(bound.at, place); });
    });
}

AuditFinding finding_of(const Program& program, AuditFinding::Rule rule, Name subject, Name type, Place declared) {
    AuditFinding finding;
    finding.rule = rule;
    finding.subject = program.text(subject);
    finding.type = program.text(type);
    finding.declared.file = program.text(declared.file);
    finding.declared.line = declared.line;
    return finding;
}

void note_reach(const Program& program, AuditFinding& finding, Name function, std::string_view of_what) {
    if (program.is_service() && program.runs(function) == Runs::repeatedly)
        finding.reach = program.reach(function, 0);
    else
        finding.doubts.push_back(fmt::format("no path from a handler or a service's loop to {} is seen", of_what));
}

AuditFinding::Level level_of(const AuditFinding& finding) {
    return finding.doubts.empty() ? AuditFinding::Level::warning : AuditFinding::Level::note;
}

std::optional<AuditFinding> judge_additions(const Program& program, const Additions& found) {
    const Variable& variable = *found.variable;
    std::vector<const Operation*> additions;
    for (const Operation* addition : found.additions) {
        const Function* function = program.function(addition->function);
        const bool own_constructor = function != nullptr && function->kind == Function::Kind::constructor &&
                                     variable.storage == Storage::field && function->owner == variable.owner;
        if (own_constructor || has_few_keys(program, *addition) || is_guarded(program, *addition, found)) continue;
        const Runs runs = program.runs(addition->function, addition->loop);
        if ((runs == Runs::once || runs == Runs::never) && (program.is_service() || function == nullptr || function->main)) continue;
        additions.push_back(addition);
    }
    if (additions.empty()) return std::nullopt;

    AuditFinding finding = finding_of(program, AuditFinding::Rule::unbounded_growth, variable.name, variable.type, variable.at);
    bool never = !found.removals.empty();
    std::string never_called;  // a function that removes
    for (const Operation* removal : found.removals) {
        const std::string why = why_not_counted(program, *removal, variable);
        if (why.empty()) return std::nullopt;
        constexpr std::string_view kNever = " is never called";
        const bool uncalled = why.ends_with(kNever);
        if (uncalled) never_called = why.substr(0, why.size() - kNever.size());
        never = never && uncalled;
        if (finding.removals.size() < kMaxSites)
            finding.removals.push_back({site_of(program, removal->at, removal->function, program.text(removal->word)), why});
    }
    std::vector<Place> places = {variable.at};
    for (const Operation* addition : additions) places.push_back(addition->at);
    if (is_said_bounded(program, places)) return std::nullopt;

    finding.lifetime = program.lifetime(variable);
    // A handler or a thread's function that was defined in a function keeps what it captures.
    bool may_end = false;  // the function that keeps it
    if (const Function* grower = program.function(additions.front()->function);
        finding.lifetime.empty() && variable.storage == Storage::local && additions.front()->function != variable.owner &&
        grower != nullptr &&
        (((grower->is_entry() || grower->wraps) && program.runs(variable.owner) != Runs::repeatedly) ||
         (program.is_started(grower->id) && program.runs(variable.owner) == Runs::once))) {
        finding.lifetime = fmt::format("kept by {}", program.text(grower->name));
        const std::uint32_t loop = additions.front()->loop;
        may_end = loop != 0 && !grower->is_entry() && !grower->wraps && !program.is_endless(loop);
    }
    // What a function's own loop fills goes with the function, unless the loop never ends.
    if (variable.storage == Storage::local && additions.front()->function == variable.owner) {
        const Function* owner = program.function(variable.owner);
        if (owner == nullptr || (!owner->main && !program.is_endless(additions.front()->loop))) return std::nullopt;
    }
    // Nothing shows that a local variable outlives its function: it goes with the request.
    if (finding.lifetime.empty() && variable.storage != Storage::field) return std::nullopt;
    if (never) finding.rule = AuditFinding::Rule::removal_never_runs;
    if (const Function* owner = program.function(variable.owner)) finding.declared.function = program.text(owner->name);

    // The addition that is surest decides.
    std::vector<std::pair<std::vector<std::string>, const Operation*>> by_doubts;
    for (const Operation* addition : additions) by_doubts.emplace_back(doubts_of(program, *addition, finding.subject), addition);
    std::stable_sort(by_doubts.begin(), by_doubts.end(), [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
    finding.doubts = by_doubts.front().first;
    const Operation& first = *by_doubts.front().second;
    if (program.runs(first.function, first.loop) == Runs::repeatedly) finding.reach = program.reach(first.function, first.loop);
    for (const auto& [doubts, addition] : by_doubts)
        if (finding.growth.size() < kMaxSites)
            finding.growth.push_back(site_of(program, addition->at, addition->function, program.text(addition->word)));
    if (holds_parts_of_program(finding.subject))
        finding.doubts.emplace_back("by its name it holds parts of the program, of which there are only so many");
    if (finding.lifetime.empty()) {
        if (program.also_short(variable)) return std::nullopt;  // made for requests, as far as is seen
        finding.doubts.emplace_back("no object of its class is seen to live as long as the process");
    } else if (program.also_short(variable)) {
        finding.doubts.emplace_back("other objects of its class live for a request only");
    }
    if (!never_called.empty() && !program.facts().unread.empty())
        finding.doubts.push_back(fmt::format("code with errors may call {}", never_called));
    if (may_end) finding.doubts.emplace_back("the loop that fills it may end, and with it the function that keeps it");
    if (found.escapes) finding.doubts.emplace_back("it is handed to code that is not seen, which may remove");
    finding.level = level_of(finding);
    return finding;
}

}  // namespace leakline::audit
