#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mcp/session.hpp"

using namespace leakline;
using nlohmann::json;

namespace {

// Keeps calls until the test ends them.
struct HeldTools : mcp::Tools {
    std::vector<std::uint64_t> started, canceled;
    std::string list() const override { return R"([{"name":"wait","inputSchema":{"type":"object"}}])"; }
    bool start(std::uint64_t call, const std::string& tool, const json&) override {
        if (tool != "wait") return false;
        started.push_back(call);
        return true;
    }
    void cancel(std::uint64_t call) override { canceled.push_back(call); }
};

struct Exchange {
    HeldTools tools;
    std::string sent;
    mcp::Session session{tools, "1.2.3", [this](std::string_view line) { sent += line; }};

    // What comes back for this line.
    std::string operator()(const std::string& line) {
        sent.clear();
        session.receive(line + "\n");
        return sent;
    }
};

std::string error(const std::string& id, int code, const std::string& message) {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":{"code":)" + std::to_string(code) + R"(,"message":")" + message + "\"}}\n";
}

std::string call(const std::string& id, const std::string& more = "") {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":"wait")" + more + "}}";
}

std::string initialize(const std::string& version) {
    return R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":")" + version + R"(","capabilities":{}}})";
}

}  // namespace

TEST_CASE("the protocol version is the client's where it is known, and else the newest") {
    Exchange exchange;
    for (const char* version : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
        CHECK(json::parse(exchange(initialize(version)))["result"]["protocolVersion"] == version);
    const json other = json::parse(exchange(initialize("2099-01-01")))["result"];
    CHECK(other["protocolVersion"] == "2025-11-25");
    CHECK(other["serverInfo"]["version"] == "1.2.3");
    CHECK(other["capabilities"] == json{{"tools", json::object()}});
}

TEST_CASE("a message that is not a request gets the error that the protocol has for it") {
    Exchange exchange;
    const struct {
        std::string line, answer;
    } cases[] = {
        {"", ""},
        {"   \r", ""},
        {"{", error("null", -32700, "not JSON")},
        {"{\"a\":\"\xff\"}", error("null", -32700, "not JSON")},
        {"{\"id\":1e999}", error("null", -32700, "not JSON")},
        {std::string(100000, '['), error("null", -32700, "nested more than 64 deep")},
        {"[]", error("null", -32600, "protocol 2025-11-25 has no batches")},
        {"7", error("null", -32600, "a message is an object")},
        {R"({"id":1,"method":"ping"})", error("1", -32600, "'jsonrpc' is not \\\"2.0\\\"")},
        {R"({"jsonrpc":"2.0","id":1})", error("1", -32600, "'method' is not a string")},
        {R"({"jsonrpc":"2.0","id":null,"method":"ping"})", error("null", -32600, "'id' is not a number or a short string")},
        {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})", error("1", -32602, "'params' is not an object")},
        {R"({"jsonrpc":"2.0","id":"a","method":"tools/lst"})", error("\"a\"", -32601, "unknown method 'tools/lst'")},
        {R"({"jsonrpc":"2.0","id":1,"method":"\u0000\n"})", error("1", -32601, "unknown method '\\\\x00\\\\x0a'")},
        {R"({"jsonrpc":"2.0","id":1,"method":"initialize"})", error("1", -32602, "'protocolVersion' is not a string")},
        {R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}})",
         error("1", -32602, "'cursor' is not one of this server's")},
        {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}})", error("1", -32602, "'name' is not a string")},
        {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm"}})", error("1", -32602, "unknown tool 'rm'")},
        {call("1", R"(,"arguments":[])"), error("1", -32602, "'arguments' is not an object")},
        {R"({"jsonrpc":"2.0","method":"notifications/unheard_of","params":{}})", ""},
        {R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never asked"}})", ""},
        {R"({"jsonrpc":"2.0","id":9,"result":{}})", ""},
        {R"({"jsonrpc":"2.0","id":1,"method":"ping"})", R"({"jsonrpc":"2.0","id":1,"result":{}})"
                                                        "\n"},
    };
    for (const auto& one : cases) {
        INFO(one.line.substr(0, 200));
        CHECK(exchange(one.line) == one.answer);
    }
    CHECK(exchange.tools.started.empty());
}

TEST_CASE("a line that is too long is refused once, and the next one is read") {
    Exchange exchange;
    const std::string part(1 << 20, ' ');
    for (int i = 0; i < 6; ++i) exchange.session.receive(part);
    CHECK(exchange.sent.empty());
    CHECK(exchange("") == error("null", -32700, "the message is larger than 4194304 bytes"));
    CHECK(exchange(R"({"jsonrpc":"2.0","id":1,"method":"ping"})") == R"({"jsonrpc":"2.0","id":1,"result":{}})"
                                                                     "\n");
}

TEST_CASE("messages may arrive in any pieces") {
    Exchange exchange;
    const std::string line = initialize("2025-06-18") + "\n";
    for (const char c : line) exchange.session.receive({&c, 1});
    CHECK(json::parse(exchange.sent)["result"]["protocolVersion"] == "2025-06-18");
}

TEST_CASE("a batch is answered at once when its last request has ended, in the version that has batches") {
    Exchange exchange;
    exchange(initialize("2025-03-26"));
    CHECK(exchange("[]") == error("null", -32600, "the batch is empty"));
    CHECK(exchange(R"([{"jsonrpc":"2.0","method":"notifications/initialized"}])") == "");
    CHECK(exchange("[" + call("1") + R"(,{"jsonrpc":"2.0","id":2,"method":"ping"},[],)" + call("3") + "]") == "");
    REQUIRE(exchange.tools.started.size() == 2);
    exchange.session.finish(exchange.tools.started[0], {false, {"done"}, "{\"a\":\n1}"});
    CHECK(exchange.sent.empty());
    exchange(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}})");
    CHECK(exchange.tools.canceled == std::vector<std::uint64_t>{exchange.tools.started[1]});
    const json answers = json::parse(exchange.sent);
    REQUIRE(answers.size() == 3);
    CHECK(answers[0]["id"] == 2);
    CHECK(answers[1]["error"]["code"] == -32600);
    CHECK(answers[2]["result"]["structuredContent"] == json{{"a", 1}});
}

TEST_CASE("a call reports progress where the client has asked for it, and says nothing more once it is canceled") {
    Exchange exchange;
    CHECK(exchange(call("1") + "\n" + call("2", R"(,"_meta":{"progressToken":"t"})")) == "");
    REQUIRE(exchange.tools.started.size() == 2);
    const auto [quiet, watched] = std::pair(exchange.tools.started[0], exchange.tools.started[1]);
    exchange.session.report_progress(quiet, "round 1");
    CHECK(exchange.sent.empty());
    exchange.session.report_progress(watched, "round 1");
    exchange.session.report_progress(watched, "round 2 \xff");
    CHECK(exchange.sent ==
          R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1,"message":"round 1"}})"
          "\n"
          R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":2,"message":"round 2 ?"}})"
          "\n");
    CHECK(exchange(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}})") == "");
    exchange.session.report_progress(watched, "round 3");
    exchange.session.finish(watched, {false, {"late"}, ""});
    CHECK(exchange.sent.empty());
    exchange.session.finish(quiet, {true, {"a\nb"}, ""});
    CHECK(exchange.sent == R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a\nb"}],"isError":true}})"
                           "\n");
}

TEST_CASE("the number of calls is bounded, and an id is not used twice at a time") {
    Exchange exchange;
    for (std::size_t i = 0; i < mcp::Session::kMaxCalls; ++i) CHECK(exchange(call(std::to_string(i))) == "");
    CHECK(exchange(call("3")) == error("3", -32600, "a request with this 'id' is still running"));
    CHECK(json::parse(exchange(call("\"one more\"")))["result"]["isError"] == true);
    CHECK(exchange.tools.started.size() == mcp::Session::kMaxCalls);
}
