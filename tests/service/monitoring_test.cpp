// scripts/monitoring against the real Prometheus from Debian, which scrapes the built trackd.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "base/error.hpp"
#include "http/client.hpp"
#include "support/free_port.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"
#include "trackd_process.hpp"

namespace leakline {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::RawConnection;
using test::request_text;
using test::Trackd;

const std::string kMonitoring = LEAKLINE_SOURCE_DIR "/scripts/monitoring";

class Prometheus {
  public:
    Prometheus(const TemporaryDirectory& directory, std::uint16_t target) {
        OutputFile config(directory.path() + "/prometheus.yml");
        config.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [" + kMonitoring +
                     "/rules.yml]\nscrape_configs: [{job_name: trackd, static_configs: [{targets: ['127.0.0.1:" + std::to_string(target) +
                     "']}]}]\n");
        config.commit();
        Command command;
        port_ = test::free_port();
        command.arguments = {"prometheus", "--config.file=" + config.path(), "--storage.tsdb.path=" + directory.path() + "/tsdb",
                             "--web.listen-address=127.0.0.1:" + std::to_string(port_), "--log.level=warn"};
        command.output_file = directory.path() + "/prometheus.log";
        child_ = std::make_unique<Child>(Child::start(command));
    }
    // The result of an instant query: a list of {metric, value}. Throws where Prometheus refuses the query.
    json query(const std::string& text) const {
        const auto response = http::get(address() + "/api/v1/query?query=" + encoded(text));
        const json answer = json::parse(response.body);
        if (answer["status"] != "success") throw std::runtime_error(text + ": " + answer["error"].get<std::string>());
        return answer["data"]["result"];
    }
    bool eventually_has(const std::string& text) const {
        const Nanoseconds deadline = system_clock().monotonic() + 90s;
        while (system_clock().monotonic() < deadline) {
            try {
                if (http::get(address() + "/-/ready").status == 200 && !query(text).empty()) return true;
            } catch (const Error&) {
                // It does not listen yet.
            }
            system_clock().sleep_until(system_clock().monotonic() + 100ms);
        }
        return false;
    }
    std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }

  private:
    static std::string encoded(const std::string& text) {
        std::string out;
        char hex[4];
        for (const char c : text) {
            std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
            out += hex;
        }
        return out;
    }
    std::unique_ptr<Child> child_;
    int port_ = 0;
};

TEST_CASE("Prometheus scrapes trackd, takes our rules, and answers every query of the dashboard") {
    REQUIRE_MESSAGE(find_executable("prometheus"), "prometheus is missing: scripts/setup.sh installs it");
    const TemporaryDirectory directory;
    Trackd trackd(directory, {"--mode", "lru", "--memory-limit", "512MiB"});
    for (int i = 0; i < 7; ++i) trackd.ask(request_text("POST", "/api/track", R"({"user_id":1,"events":[{}]})"));
    const Prometheus prometheus(directory, trackd.port());
    REQUIRE(prometheus.eventually_has("trackd_cache_entries == 7"));
    const json entries = prometheus.query("trackd_cache_entries");
    CHECK(entries[0]["metric"]["mode"] == "lru");
    CHECK(entries[0]["metric"]["job"] == "trackd");
    CHECK(prometheus.query(R"(trackd_requests_total{path="/api/track",code="200"})")[0]["value"][1] == "7");
    CHECK(prometheus.eventually_has("trackd:memory_share > 0 and trackd:memory_share < 0.5"));  // the recording rule
    CHECK(json::parse(http::get(prometheus.address() + "/api/v1/rules").body)["data"]["groups"][0]["rules"].size() == 4);

    const json dashboard = json::parse(read_file(kMonitoring + "/dashboard.json"));
    int queries = 0;
    const std::regex metric_name("(trackd|process)_[a-z_]+");
    for (const json& panel : dashboard["panels"])
        for (const json& target : panel["targets"]) {
            std::string expression = target["expr"];
            CAPTURE(expression);
            const std::size_t variable = expression.find("$instance");
            REQUIRE(variable != std::string::npos);
            expression = std::regex_replace(expression, std::regex("\\$instance"), ".*");
            CHECK_NOTHROW(prometheus.query(expression));
            // And every metric in it is one that trackd has.
            for (std::sregex_iterator it(expression.begin(), expression.end(), metric_name), end; it != end; ++it)
                CHECK_FALSE(prometheus.query(it->str()).empty());
            ++queries;
        }
    CHECK(queries >= 15);
    for (const json& variable : dashboard["templating"]["list"]) {
        if (variable["type"] != "query") continue;
        const std::string asked = variable["query"]["query"];
        CAPTURE(asked);
        std::smatch match;
        REQUIRE(std::regex_match(asked, match, std::regex("label_values\\(([a-z_]+), ([a-z]+)\\)")));
        const json found = prometheus.query(match[1]);
        REQUIRE_FALSE(found.empty());
        CHECK(found[0]["metric"].contains(match[2].str()));
    }
}

TEST_CASE("the dashboard has what Grafana's schema asks of each panel") {
    const json dashboard = json::parse(read_file(kMonitoring + "/dashboard.json"));
    for (const char* key : {"title", "uid", "schemaVersion", "panels", "templating", "time"}) CHECK(dashboard.contains(key));
    std::set<int> ids;
    for (const json& panel : dashboard["panels"]) {
        CAPTURE(panel["title"].get<std::string>());
        CHECK(ids.insert(panel["id"].get<int>()).second);
        CHECK(panel["type"] == "timeseries");
        const json& place = panel["gridPos"];
        CHECK(place["x"].get<int>() + place["w"].get<int>() <= 24);
        CHECK_FALSE(panel["targets"].empty());
        std::set<std::string> letters;
        for (const json& target : panel["targets"]) CHECK(letters.insert(target["refId"]).second);
    }
}

TEST_CASE("the alert rules fire when they should and not else") {
    REQUIRE_MESSAGE(find_executable("promtool"), "promtool is missing: scripts/setup.sh installs it");
    const TemporaryDirectory directory;
    Command command;
    command.arguments = {"promtool", "test", "rules", kMonitoring + "/rules_test.yml"};
    command.output_file = directory.path() + "/output";
    const int code = Child::start(command).wait().shell_code();
    CAPTURE(read_file(directory.path() + "/output"));
    CHECK(code == 0);
}

}  // namespace
}  // namespace leakline
