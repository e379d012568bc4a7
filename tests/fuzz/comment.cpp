// What the API of GitHub answers, in any bytes: the input up to its first zero byte is the event of the job, what is between the
// next ones are responses. A comment is written, or an error says why not.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "memory/canned_server.hpp"
#include "review/comment.hpp"
#include "support/fake_clock.hpp"
#include "system/temporary_directory.hpp"

namespace {

using namespace leakline;

struct Forge {
    std::vector<std::string> responses;
    std::size_t sent = 0;
    test::CannedServer server{[this](const std::string&) {
        const std::string answer = sent < responses.size() ? responses[sent++] : "";
        return answer.empty() ? test::CannedServer::response("200 OK", "[]") : answer;
    }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const TemporaryDirectory directory;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(input.find('\0'), input.size());
    Forge forge;
    for (const std::string_view response : split(input.substr(std::min(end + 1, input.size())), '\0'))
        if (forge.responses.size() < 8) forge.responses.emplace_back(response);
    const std::string event = directory.path() + "/event";
    std::ofstream(event, std::ios::binary) << input.substr(0, end);
    const review::Environment environment = [&](const char* name) -> std::string {
        const std::string_view wanted(name);
        if (wanted == "GITHUB_EVENT_PATH") return event;
        if (wanted == "GITHUB_REPOSITORY") return "o/r";
        if (wanted == "GITHUB_TOKEN") return "ghs_token";
        return wanted == "GITHUB_API_URL" ? forge.server.url() : "";
    };
    test::FakeClock clock;
    try {
        if (const auto discussion = review::find_github_discussion(environment))
            review::post_comment(*discussion, "text", {.clock = clock});
    } catch (const Error&) {
        // a clear refusal
    }
    return 0;
}
