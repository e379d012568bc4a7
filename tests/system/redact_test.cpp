// Which words of a command line are taken for secrets, and which are not.
#include "base/redact.hpp"
#include "system/child_process.hpp"

#include <doctest/doctest.h>

using namespace leakline;

namespace {

std::string redacted(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : redact_secrets(words)) out += (out.empty() ? "" : " ") + word;
    return out;
}

}  // namespace

TEST_CASE("the values of secrets in a command line are taken out, whatever form they have") {
    const std::pair<std::vector<std::string>, const char*> cases[] = {
        {{"svc", "--password=hunter2", "--port", "80"}, "svc --password=REDACTED --port 80"},
        {{"svc", "--db-password", "hunter2", "-v"}, "svc --db-password REDACTED -v"},
        {{"svc", "-token=abc"}, "svc -token=REDACTED"},
        {{"java", "-Ddb.password=abc"}, "java -Ddb.password=REDACTED"},
        {{"svc", "--apiKey", "abc"}, "svc --apiKey REDACTED"},
        {{"env", "AWS_SECRET_ACCESS_KEY=abc", "svc"}, "env AWS_SECRET_ACCESS_KEY=REDACTED svc"},
        {{"env", "API_KEY=", "svc"}, "env API_KEY= svc"},
        {{"curl", "-H", "Authorization: Bearer abc"}, "curl -H Authorization: REDACTED"},
        {{"curl", "-H", "X-Api-Key:abc"}, "curl -H X-Api-Key:REDACTED"},
        {{"curl", "-u", "alice:abc", "--user=bob:abc"}, "curl -u alice:REDACTED --user=bob:REDACTED"},
        {{"svc", "postgres://alice:p%40ss@db/x?sslmode=on"}, "svc postgres://alice:REDACTED@db/x?sslmode=on"},
        {{"svc", "https://h/p?a=1&access_token=abc&b=2"}, "svc https://h/p?a=1&access_token=REDACTED&b=2"},
        {{"svc", "Server=db;Password=abc;User=u"}, "svc Server=db;Password=REDACTED;User=u"},
        {{"svc", "--key", "AKIAIOSFODNN7EXAMPLE"}, "svc --key REDACTED"},
    };
    for (const auto& [words, expected] : cases) CHECK(redacted(words) == expected);
}

TEST_CASE("what only sounds like a secret stays") {
    const std::vector<std::string> cases[] = {
        {"svc", "--password-file", "/etc/pw"}, {"svc", "--token-ttl=30s"},        {"svc", "--max-tokens", "100"},
        {"svc", "--public-key", "abc"},        {"svc", "--monkey", "see"},        {"svc", "--author", "me"},
        {"svc", "http://127.0.0.1:8080/a@b"},  {"./secret/token", "--port", "1"}, {"svc", "--key-count=3"},
        {"svc", "--password", "--port", "80"}, {"svc", "--users", "a:b"},
    };
    for (const auto& words : cases) {
        std::string as_is;
        for (const std::string& word : words) as_is += (as_is.empty() ? "" : " ") + word;
        CHECK(redacted(words) == as_is);
    }
}

TEST_CASE("a command line that is one text already is redacted word by word") {
    CHECK(redact_secrets("svc --header 'Authorization: Bearer abc' --port 80") == "svc --header 'Authorization: Bearer REDACTED --port 80");
    Command command;
    command.arguments = {"svc", "--secret", "two words", "--name", "two words"};
    CHECK(command.text() == "svc --secret REDACTED --name 'two words'");
}
