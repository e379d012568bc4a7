// The strategy of a minimization, on services that are a function: what a request leaves behind.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "diagnose/internal/part_search.hpp"
#include "diagnose/internal/request_facets.hpp"
#include "model/request_jsonl.hpp"
#include "replay/log.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::diagnose;

namespace {

// Bytes that a request leaves behind.
using Service = std::function<double(const Request&)>;

Request request(const std::string& method, const std::string& target, const std::string& body = "",
                std::vector<std::pair<std::string, std::string>> headers = {}) {
    Request result;
    result.method = method;
    result.target = target;
    result.body = body;
    result.headers = std::move(headers);
    return result;
}

bool has(const Request& request, const std::string& facet, const std::string& value) {
    const auto facets = facets_of(request);
    return std::find(facets.begin(), facets.end(), std::pair(facet, value)) != facets.end();
}

// A log in a file, and what a service makes of its parts: a part leaks where it leaves at least half as much a request
// behind as the whole log.
class Subject {
  public:
    Subject(const std::vector<Request>& log, Service service) : service_(std::move(service)) {
        std::string text;
        for (const Request& one : log) append_jsonl(text, one);
        OutputFile file(log_);
        file.write(text);
        file.commit();
        replay::ReplayOptions traffic;
        traffic.logs = {log_};
        kinds_.emplace(std::move(traffic));
        for (std::size_t kind = 0; kind < kinds_->names().size(); ++kind) whole_.kinds.push_back(kind);
        rate_ = rate_of(whole_);
        REQUIRE(rate_ > 0);
    }

    TestResult ask(const Part& part) {
        ++questions_;
        if (unclear && unclear(part)) return TestResult::unresolved;
        return rate_of(part) >= rate_ / 2 ? TestResult::fail : TestResult::pass;
    }

    FoundPart search(SearchDepth depth = SearchDepth::values) {
        Part kept;
        const PartTests questions{[this](const Part& part) { return once && once(part) ? TestResult::fail : ask(part); },
                                  [this](const Part& part) { return once && once(part) ? TestResult::unresolved : ask(part); },
                                  [&](const Part& part) { kept = part; }, [](int) {}};
        FoundPart found = search_part(*kinds_, whole_, depth, questions);
        if (!kept.kinds.empty()) CHECK(kinds_->text(kept) == kinds_->text(found.part));
        return found;
    }

    std::string found(SearchDepth depth = SearchDepth::values) { return kinds_->text(search(depth).part); }
    const RequestKinds& kinds() const { return *kinds_; }
    int questions() const { return questions_; }

    std::function<bool(const Part&)> unclear;  // parts about which no run can tell
    std::function<bool(const Part&)> once;     // parts that seem to leak, and then do not

  private:
    double rate_of(const Part& part) const {
        const std::string path = directory_.path() + "/part.jsonl";
        const auto count = kinds_->write(part, path).requests;
        double left = 0;
        replay::RequestLog log = replay::open_log({path}, {});
        while (const auto one = log.next()) left += service_(*one);
        return count == 0 ? 0 : left / static_cast<double>(count);
    }

    TemporaryDirectory directory_;
    const std::string log_ = directory_.path() + "/log.jsonl";
    Service service_;
    std::optional<RequestKinds> kinds_;
    Part whole_;
    double rate_ = 0;
    int questions_ = 0;
};

}  // namespace

TEST_CASE("of two parameters that mostly come together only the one that leaks is named") {
    // The one that is tried first seems to matter until the other is known.
    std::vector<Request> log;
    for (int i = 0; i < 100; ++i)
        log.push_back(
            request("GET", std::string("/q?early=") + ((i % 2 == 0) != (i < 10) ? "1" : "0") + "&late=" + (i % 2 == 0 ? "1" : "0")));
    Subject subject(log, [](const Request& one) { return has(one, "?late", "1") ? 100.0 : 0.0; });
    CHECK(subject.found() == "GET /q where ?late is '1'");
}

TEST_CASE("where parameters always come together one is named, and that the others may be the cause is said") {
    std::vector<Request> log;
    for (int i = 0; i < 100; ++i)
        log.push_back(
            request("GET",
                    i % 2 == 0 ? "/q?early=1&late=1&mostly=1"
                    : i == 1   ? "/q?early=0&late=0&mostly=1"
                               : "/q?early=0&late=0&mostly=0",
                    "", i % 2 == 0 ? std::vector<std::pair<std::string, std::string>>{{"X-Beta", "on"}} : decltype(Request::headers){}));
    Subject subject(log, [](const Request& one) { return has(one, "?late", "1") ? 100.0 : 0.0; });
    const FoundPart found = subject.search();
    CHECK(subject.kinds().text(found.part) == "GET /q where ?early is '1'");
    REQUIRE(found.notes.size() == 1);
    CHECK(
        found.notes[0] ==
        "GET /q where ?early is '1' occurs only together with ?late is '1' and x-beta: is 'on': this log cannot show which of them causes the leak; add requests that have one without the other");
}

TEST_CASE("a field without which the same requests leak is not said to be a cause") {
    std::vector<Request> log;
    for (int i = 0; i < 100; ++i)
        log.push_back(request("POST", "/t", i % 2 == 0 ? R"({"note":"a"})" : R"({"note":"b"})", {{"X-Beta", i % 2 == 0 ? "on" : "off"}}));
    Subject subject(log, [](const Request& one) { return has(one, "x-beta:", "on") ? 100.0 : 0.0; });
    const FoundPart found = subject.search();
    CHECK(subject.kinds().text(found.part) == "POST /t where x-beta: is 'on' without .note");
    CHECK(found.notes.empty());
}

TEST_CASE("a field whose absence changes nothing is not named for what it comes together with") {
    for (const int strays : {0, 1}) {
        std::vector<Request> log;
        for (int i = 0; i < 100; ++i) {
            const bool beta = i % 2 == 0;
            const bool first = i < strays * 4 ? !beta : beta;
            log.push_back(request("POST", "/t", first ? R"({"type":"a"})" : R"({"type":"b"})", {{"X-Beta", beta ? "on" : "off"}}));
        }
        Subject subject(log, [](const Request& one) { return has(one, "x-beta:", "on") ? 100.0 : 0.0; });
        CHECK(subject.found() == "POST /t where x-beta: is 'on' without .type");
    }
}

TEST_CASE("a value that does not leak by itself is not named among those that do") {
    std::vector<Request> log;
    for (int i = 0; i < 80; ++i) log.push_back(request("GET", "/q?lang=" + std::string(1, static_cast<char>('a' + i % 8))));
    Subject subject(log, [](const Request& one) { return has(one, "?lang", "a") || has(one, "?lang", "c") ? 100.0 : 0.0; });
    CHECK(subject.found() == "GET /q where ?lang is 'a' or 'c'");
}

TEST_CASE("a field that the leak does not need is no condition either") {
    // Requests of type b leak, but by a field that only they have.
    std::vector<Request> log;
    for (int i = 0; i < 60; ++i) log.push_back(request("POST", "/t", i % 2 == 0 ? R"({"type":"a"})" : R"({"type":"b","big":[1]})"));
    Subject subject(log, [](const Request& one) { return one.body.find("big") != std::string::npos ? 50.0 : 0.0; });
    CHECK(subject.found() == "POST /t where .type is 'b' without .type");
}

TEST_CASE("a kind that was kept for want of an answer goes once the part has become clear") {
    std::vector<Request> log;
    for (int i = 0; i < 200; ++i) log.push_back(request("GET", i % 2 == 0 ? "/a?full=" + std::to_string(i % 10 == 0) : "/b"));
    Subject subject(log, [](const Request& one) { return has(one, "?full", "1") ? 100.0 : 0.0; });
    subject.unclear = [](const Part& part) { return part.kinds.size() == 1 && part.conditions.empty(); };
    CHECK(subject.found() == "GET /a where ?full is '1'");
    CHECK(subject.found(SearchDepth::kinds) == "GET /a, GET /b");
    const FoundPart kinds = subject.search(SearchDepth::kinds);
    CHECK(kinds.complete);
    CHECK(kinds.notes ==
          std::vector<std::string>{"GET /a may not be needed: it is inconclusive whether the rest leaks without it; try more --rounds",
                                   "GET /b may not be needed: it is inconclusive whether the rest leaks without it; try more --rounds"});
}

TEST_CASE("a part that seems to leak once and not again takes nothing out") {
    std::vector<Request> log;
    for (int i = 0; i < 90; ++i) log.push_back(request("GET", "/q?full=" + std::to_string(i % 3)));
    Subject subject(log, [](const Request& one) { return has(one, "?full", "2") ? 100.0 : 0.0; });
    subject.once = [](const Part& part) {
        return part.conditions.size() == 1 && part.conditions[0].values == std::set<std::string>{"0", "1"};
    };
    const FoundPart found = subject.search();
    CHECK(subject.kinds().text(found.part) == "GET /q where ?full is '2'");
    CHECK(found.notes == std::vector<std::string>{"GET /q where ?full is '2' may not be needed: it is inconclusive whether "
                                                  "the rest leaks without it; try more --rounds"});
}

TEST_CASE("kinds of which each is needed are asked about no more often than the search itself does") {
    std::vector<Request> log;
    for (int i = 0; i < 90; ++i) log.push_back(request("GET", "/" + std::string(1, static_cast<char>('a' + i % 9))));
    Subject subject(log, [](const Request& one) { return one.target == "/c" ? 100.0 : 0.0; });
    CHECK(subject.found() == "GET /c");
    CHECK(subject.questions() <= expected_tests(9) + 1);
}

TEST_CASE("whatever leaks, each thing that is named is needed") {
    for (unsigned seed = 0; seed < 60; ++seed) {
        std::mt19937 random(seed);
        const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
        // Three facets that lean on each other, and a second kind that leaks nothing.
        std::vector<Request> log;
        for (int i = 0; i < 150; ++i) {
            const bool a = chance(50), b = chance(90) ? a : !a, c = chance(70) ? b : chance(50);
            log.push_back(request("POST",
                                  std::string("/t?b=") + (b            ? "1"
                                                          : chance(50) ? "2"
                                                                       : "3"),
                                  a ? R"({"a":"x"})" : R"({"a":"y"})", {{"C", c ? "on" : "off"}}));
            if (chance(30)) log.push_back(request("GET", "/other"));
        }
        const unsigned cause = 1 + random() % 7;
        const auto leaks = [&](const Request& one) {
            return one.method == "POST" && ((cause & 1) == 0 || has(one, ".a", "x")) && ((cause & 2) == 0 || has(one, "?b", "1")) &&
                   ((cause & 4) == 0 || has(one, "c:", "on"));
        };
        Subject subject(log, [&](const Request& one) { return leaks(one) ? 100.0 : 0.0; });
        const FoundPart found = subject.search();
        INFO("seed " << seed << ", cause " << cause << ": " << subject.kinds().text(found.part));
        CHECK(found.complete);
        CHECK(found.part.kinds.size() == 1);
        CHECK(subject.ask(found.part) == TestResult::fail);
        const std::vector<Facet> facets = subject.kinds().facets(found.part.kinds);
        for (const Part::Condition& condition : found.part.conditions) {
            Part opposite = found.part;
            for (Part::Condition& other : opposite.conditions) {
                if (other.facet != condition.facet) continue;
                other.values.clear();
                for (const Facet& facet : facets)
                    if (facet.name == condition.facet)
                        for (const auto& [value, count] : facet.values)
                            if (!condition.values.contains(value)) other.values.insert(value);
            }
            INFO(condition.facet);
            CHECK(subject.kinds().count(opposite) > 0);
            CHECK(subject.ask(opposite) == TestResult::pass);
        }
    }
}
