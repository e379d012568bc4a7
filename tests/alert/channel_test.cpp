#include <doctest/doctest.h>

#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include "alert/internal/alert.hpp"
#include "base/error.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::alert {
namespace {

using namespace std::chrono_literals;

Alert example() { return {Kind::firing, "trackd 127.0.0.1:8080", 445'644'800, 536'870'912, 0.8, 1'714'980'600s, 1'714'980'660s}; }

void write(const std::string& path, const std::string& text) {
    OutputFile file(path);
    file.write(text);
    file.commit();
}

TEST_CASE("a message says whose memory, how full, and since when") {
    Alert alert = example();
    CHECK(alert.summary() == "trackd 127.0.0.1:8080: memory at 83 % of its limit (425 MiB of 512 MiB) since 2024-05-06T07:30:00Z");
    alert.kind = Kind::resolved;
    alert.used = 214'748'364;
    CHECK(alert.summary() == "trackd 127.0.0.1:8080: memory is back at 39 % of its limit (205 MiB of 512 MiB), after 1m over 80 %");
}

TEST_CASE("the JSON form holds the same, as numbers") {
    const auto json = nlohmann::json::parse(example().json());
    CHECK(json["schema"] == 1);
    CHECK(json["status"] == "firing");
    CHECK(json["used_bytes"] == 445'644'800);
    CHECK(json["limit_bytes"] == 536'870'912);
    CHECK(json["since"] == "2024-05-06T07:30:00Z");
    CHECK(json["at"] == "2024-05-06T07:31:00Z");
    CHECK(json["summary"] == example().summary());
}

TEST_CASE("a channel that cannot work is refused before anything runs, with what to do") {
    const struct {
        const char *spec, *message;
    } cases[] = {
        {"webhok=http://x", "--alert-to: unknown channel 'webhok'; did you mean 'webhook'?"},
        {"webhook=ftp://x", "--alert-to webhook: needs an http:// or https:// address"},
        {"webhook", "--alert-to webhook: needs an http:// or https:// address"},
        {"webhook=http://x,usr=me", "--alert-to webhook: unknown setting 'usr'; did you mean 'user'?"},
        {"webhook=http://x,user", "--alert-to webhook: 'user' is not a setting"},
        {"webhook=http://me:pass@x/", "--alert-to webhook: a user and password in the address are visible to all users in ps"},
        {"email=smtp://x:25", "--alert-to email: needs to=..."},
        {"email=http://x,to=a@b", "--alert-to email: needs the server's address"},
        {"email=smtp://me:pass@x,to=a@b", "--alert-to email: a user and password in the address are visible to all users in ps"},
        {"email=smtp://x,to=a@b,user=me,tls=off", "--alert-to email: tls=off would send the password of 'me' unencrypted"},
        {"email=smtp://x,to=a@b,tls=maybe", "--alert-to email: tls is starttls or off, not 'maybe'"},
        {"command=/no/such/program", "--alert-to command: '/no/such/program' is not an executable program"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.spec);
        std::string said;
        try {
            make_channel(each.spec);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            said = error.location() + ": " + error.message();
        }
        CHECK(said == each.message);
    }
}

TEST_CASE("what a channel says of itself holds no path, no user, no token") {
    const TemporaryDirectory directory;
    write(directory.path() + "/hook", "https://me:pw@hooks.example.org:8443/services/T0KEN?key=T0KEN\n");
    CHECK(make_channel("webhook=@" + directory.path() + "/hook")->describe() == "webhook https://hooks.example.org:8443");
    CHECK(make_channel("alertmanager=http://am:9093/prefix/")->describe() == "alertmanager http://am:9093");
}

TEST_CASE("a command gets the message in its environment, and its failure is ours") {
    const TemporaryDirectory directory;
    const std::string program = directory.path() + "/page me", note = directory.path() + "/note";
    write(program,
          "#!/bin/sh\nprintf '%s|%s|%s' \"$LEAKLINE_ALERT_STATUS\" \"$LEAKLINE_ALERT_USED_BYTES\" "
          "\"$LEAKLINE_ALERT_SUMMARY\" > '" +
              note + "'\n[ \"$LEAKLINE_ALERT_STATUS\" != resolved ]\n");
    chmod(program.c_str(), 0755);
    const auto channel = make_channel("command=" + program);
    Alert alert = example();
    alert.source = "$(touch pwned); `id`";  // never meets a shell
    channel->send(alert, {});
    CHECK(read_file(note) == "firing|445644800|" + alert.summary());
    alert.kind = Kind::resolved;
    CHECK_THROWS_WITH(channel->send(alert, {}), (program + ": ended with exit code 1").c_str());
}

TEST_CASE("an answer that repeats the address or the login is shown without them") {
    const std::string url = "https://hooks.example.org/services/T0KEN%2Dx?key=QUERY-V";
    CHECK(without_secrets("Cannot POST /services/T0KEN%2Dx?key=QUERY-V", url, "") == "Cannot POST /***/***?key=***");
    CHECK(without_secrets("no hook T0KEN-x; hooks.example.org", url, "") == "no hook ***; hooks.example.org");
    CHECK(without_secrets("bad login bWU6czNjcmV0", url, "Basic bWU6czNjcmV0") == "bad login ***");
    CHECK(without_secrets("quota exceeded", "http://127.0.0.1:9093", "") == "quota exceeded");
    CHECK(without_secrets("x", "http://h/", "") == "x");
}

TEST_CASE("an address from a file may hold a login, and a bad one is refused at once without a word of it") {
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/hook";
    const auto spec = ChannelSpec::parse("webhook=@" + file);
    write(file, "https://me:p%40ss@hooks.example.org/T0KEN\n");
    CHECK(address_of(spec) == "https://hooks.example.org/T0KEN");
    CHECK(authorization_of(spec) == "Basic bWU6cEBzcw==");
    for (const char* bad : {"http://127.0.0.1:99999/T0KEN", "http://[::1/T0KEN", "http:///T0KEN", "T0KEN", "http://me:T0KEN/x@host:1/"}) {
        CAPTURE(bad);
        write(file, bad);
        try {
            make_channel("webhook=@" + file);
            CHECK(false);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            CHECK(std::string(error.what()).find("T0KEN") == std::string::npos);
        }
    }
}

}  // namespace
}  // namespace leakline::alert
