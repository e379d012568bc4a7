// An option that several commands take is declared once, and is then the same in each.
#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "leakline/commands.hpp"

using namespace leakline;

namespace {

using Declarations = std::map<std::string, std::map<std::string, std::vector<std::string>>>;  // option, description, commands

void collect(const CLI::App& level, const std::string& command, Declarations& into) {
    for (const CLI::Option* option : level.get_options())
        for (const std::string& name : option->get_lnames()) into[name][option->get_description()].push_back(command);
    for (const CLI::App* group : level.get_subcommands([](const CLI::App*) { return true; })) collect(*group, command, into);
}

// Words that mean something of its own in some command.
const std::set<std::string> kOwnMeaning = {
    "by",            // what users are told apart by; how lines are grouped
    "duration",      // of the traffic that is written; of what is sent, sampled or captured
    "format",        // the formats that a document has
    "for",           // of recording; of a view
    "fresh",         // identifiers; without history
    "function",      // a table beside the report; the table alone
    "grace",         // of requests in progress; of a program
    "interval",      // between samples, marks or rows
    "listen",        // for clients; for Prometheus
    "max-growth",    // of a run; of lines against those before; of a series
    "memory-limit",  // of a service; of a command that is sampled
    "output",        // a report; a log, recording, baseline or samples
    "pid",           // of what is sampled; of what is copied
    "port",          // of what is sampled; of what is captured
    "rounds",        // 0 for ever; 4 to 10000; 4 to 1000
    "seed",          // of traffic; of a self-test
    "top",           // lines; holders
    "children",      // processes in a series; in a recording
    "target",        // a running service; one that is started
    "timeout",       // of a request of the log; of a query
    "unit",          // of a table; of a file's numbers
};

}  // namespace

TEST_CASE("an option that several commands take is the same in each") {
    Declarations declarations;
    for (const cli::CommandRow& row : cli::commands()) {
        if (row.name == std::string_view("serve")) continue;  // has trackd's options, and hands them on
        CLI::App app;
        const cli::Run run = row.declare(app);  // owns what the options write to
        collect(app, row.name, declarations);
    }
    REQUIRE(declarations.size() > 100);
    for (const auto& [option, descriptions] : declarations) {
        if (descriptions.size() < 2 || kOwnMeaning.count(option) == 1) continue;
        std::string all;
        for (const auto& [text, commands] : descriptions) all += "\n  " + commands.front() + ": " + text;
        FAIL_CHECK("--" << option << " is declared twice:" << all);
    }
    for (const std::string& option : kOwnMeaning) {
        CAPTURE(option);
        CHECK(declarations[option].size() >= 2);
    }
    for (const char* name : {"ca-file", "insecure", "ready-path", "quiet-time", "skip", "source", "precision"}) {
        CAPTURE(name);
        CHECK(declarations[name].size() == 1);
        CHECK(declarations[name].begin()->second.size() >= 2);
    }
}
