// Whatever a client sends, the session goes on, and each line that it sends is one JSON-RPC message. Calls of the tool "wait" end with the
// input, others at once.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "mcp/session.hpp"

namespace {

using namespace leakline;

struct Tools : mcp::Tools {
    mcp::Session* session = nullptr;
    std::vector<std::uint64_t> open;
    std::string list() const override { return "[]"; }
    bool start(std::uint64_t call, const std::string& tool, const nlohmann::json& arguments) override {
        session->report_progress(call, tool);
        if (tool == "wait")
            open.push_back(call);
        else if (tool == "diagnose")
            session->finish(call, {false, {arguments.dump()}, "{}"});
        else
            return false;
        return true;
    }
    void cancel(std::uint64_t call) override { std::erase(open, call); }
};

void check_message(const nlohmann::json& message) {
    if (!message.is_object() || message.at("jsonrpc") != "2.0") std::abort();
    if (message.contains("method") == message.contains("id")) std::abort();
    if (message.contains("id") && message.contains("result") == message.contains("error")) std::abort();
}

void check(std::string_view line) {
    if (line.find('\n') != line.size() - 1) std::abort();
    const auto message = nlohmann::json::parse(line);
    if (!message.is_array()) return check_message(message);
    for (const auto& one : message) check_message(one);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Tools tools;
    mcp::Session session(tools, "0", check);
    tools.session = &session;
    session.receive(text.substr(0, size / 2));
    session.receive(text.substr(size / 2));
    session.receive("\n");
    const std::vector<std::uint64_t> open = tools.open;
    for (const std::uint64_t call : open) session.finish(call, {true, {"\xff\n"}, ""});
    return 0;
}
