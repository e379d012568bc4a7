// What a minimisation found and tried, in words and as JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "diagnose/minimize.hpp"

namespace leakline::diagnose {

namespace {

const char* in_words(Verdict verdict) {
    switch (verdict) {
        case Verdict::leak: return "leaks";
        case Verdict::no_leak: return "does not leak";
        case Verdict::inconclusive: return "inconclusive";
        case Verdict::invalid: return "invalid";
    }
    return "invalid";
}

// " (to find it, add --without 'GET /search')"
std::string how_to_find_it(const Minimized& result) {
    std::string options;
    for (const std::size_t kind : result.part.kinds) options += " --without '" + printable(result.kinds[kind]) + "'";
    return " (to find it, add" + options + ")";
}

const char* rate_name(LeakUnit unit) {
    switch (unit) {
        case LeakUnit::bytes_per_request: return "bytes_per_request";
        case LeakUnit::bytes_per_connection: return "bytes_per_connection";
        case LeakUnit::count_per_request: return "count_per_request";
    }
    return "bytes_per_request";
}

std::string kinds_text(std::size_t kinds) { return kinds == 1 ? "1 kind of requests" : fmt::format("{} kinds of requests", kinds); }

}  // namespace

std::string minimized_text(const Minimized& result, const std::string& diagnosis) {
    std::string out;
    const std::size_t all = result.kinds.size();
    if (result.by_time) {
        out = "the leak follows time: it grows without requests, so no request causes it and there is no smaller part to find\n";
    } else if (result.verdict == Verdict::leak) {
        out = fmt::format("{} leaks: {}\n  {} of {}, {} requests\n",
                          result.complete ? "the smallest part that" : "not searched to the end; the smallest part so far that",
                          result.text, result.part.kinds.size(), kinds_text(all), format_count(result.requests));
        if (result.rest)
            out += fmt::format("  without {} the log {}\n", result.part.kinds.size() == 1 ? "this kind" : "these kinds",
                               *result.rest == Verdict::leak      ? "leaks as well: there is another cause" + how_to_find_it(result)
                               : *result.rest == Verdict::no_leak ? std::string("does not leak")
                                                                  : std::string("gave no clear answer"));
    } else if (result.trials.empty()) {
        out = "interrupted before the first answer\n";
    } else {
        out = fmt::format("the whole log, {}: {}: {}\n", kinds_text(all), in_words(result.verdict), result.trials.back().reason);
    }
    for (const std::string& note : result.notes) out += "  " + note + "\n";
    out += fmt::format("\nKinds in the log\n");
    for (std::size_t i = 0; i < all; ++i) out += fmt::format("  {:>12}  {}\n", format_count(result.counts[i]), printable(result.kinds[i]));
    if (!result.trials.empty()) out += "\nTried\n";
    int number = 0;
    for (const Trial& trial : result.trials) {
        const std::string growth = trial.rate ? fmt::format(" ({})", leak_rate_text(*trial.rate, result.unit)) : "";
        out += fmt::format("  {:>3}  {:<13}  {}{}\n", ++number, in_words(trial.verdict), trial.part, growth);
        if (trial.verdict != Verdict::leak && !trial.reason.empty()) out += fmt::format("       {}\n", trial.reason);
    }
    if (!diagnosis.empty())
        out +=
            fmt::format("\n{}\n\n{}", result.part_diagnosed ? "The smallest part, diagnosed again" : "The whole log, diagnosed", diagnosis);
    return out;
}

std::string minimized_json(const Minimized& result, const std::string& diagnosis) {
    nlohmann::ordered_json out;
    out["schema"] = 1;
    out["verdict"] = verdict_name(result.verdict);
    out["complete"] = result.complete;
    out["by_time"] = result.by_time;
    out["part"] = result.text;
    out["requests"] = result.requests;
    auto& minimal = out["kinds"] = nlohmann::ordered_json::array();
    for (const std::size_t kind : result.part.kinds) {
        nlohmann::ordered_json conditions = nlohmann::ordered_json::array();
        for (const Part::Condition& condition : result.part.conditions)
            if (condition.kind == kind) conditions.push_back({{"facet", condition.facet}, {"values", condition.values}});
        const auto dropped = result.part.dropped.find(kind);
        minimal.push_back({{"kind", result.kinds[kind]},
                           {"requests", result.counts[kind]},
                           {"conditions", conditions},
                           {"without", dropped == result.part.dropped.end() ? std::set<std::string>() : dropped->second}});
    }
    if (result.rest) out["rest"] = verdict_name(*result.rest);
    auto& all = out["log"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < result.kinds.size(); ++i) all.push_back({{"kind", result.kinds[i]}, {"requests", result.counts[i]}});
    auto& trials = out["trials"] = nlohmann::ordered_json::array();
    for (const Trial& trial : result.trials) {
        nlohmann::ordered_json entry = {{"part", trial.part},
                                        {"kinds", trial.kinds},
                                        {"requests", trial.requests},
                                        {"sent", trial.sent},
                                        {"verdict", verdict_name(trial.verdict)}};
        entry["smaller_leak"] = trial.smaller_leak;
        if (trial.rate) entry[rate_name(result.unit)] = *trial.rate;
        entry["seconds"] = trial.seconds;
        entry["reason"] = trial.reason;
        trials.push_back(std::move(entry));
    }
    out["notes"] = result.notes;
    if (!diagnosis.empty()) {
        out["diagnosis_of"] = result.part_diagnosed ? "part" : "log";
        out["diagnosis"] = nlohmann::ordered_json::parse(diagnosis);
    }
    return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace leakline::diagnose
