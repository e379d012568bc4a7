// A server of the Model Context Protocol (https://modelcontextprotocol.io/specification), versions 2024-11-05 to 2025-11-25, without
// its transport: what a client sends goes in as bytes, messages come out as lines of JSON-RPC 2.0. It offers tools and nothing else.
//
// No input ends it: what cannot be read is answered with an error, or left out where the protocol has no answer. Memory is bounded by
// kMaxLine and kMaxCalls.
//
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leakline::mcp {

// What a call of a tool has returned.
struct ToolResult {
    bool failed = false;             // the tool could not do its work; the texts say why
    std::vector<std::string> texts;  // for people and models
    std::string structured;          // a JSON object, on any number of lines; empty: none
};

// What runs the tools. A call has a number, which is not used again.
class Tools {
  public:
    virtual ~Tools() = default;
    // A JSON array of the tools, each {"name", "description", "inputSchema"}.
    virtual std::string list() const = 0;
    // Begins a call and returns at once; its end is Session::finish(), from here or later. False: no such tool. arguments is an object.
    virtual bool start(std::uint64_t call, const std::string& tool, const nlohmann::json& arguments) = 0;
    // The client does not want the result any more: finish() is not called.
    virtual void cancel(std::uint64_t call) = 0;
};

class Session {
  public:
    static constexpr std::size_t kMaxLine = std::size_t{4} << 20;
    static constexpr std::size_t kMaxCalls = 32;  // that run or wait
    static constexpr int kMaxDepth = 64;          // of arrays and objects in a message

    // tools must outlive the session. send: takes a message, a line with its end.
    Session(Tools& tools, std::string version, std::function<void(std::string_view)> send);
    ~Session();

    void receive(std::string_view bytes);
    // Of a call that has not been canceled; others are passed over.
    void finish(std::uint64_t call, const ToolResult& result);
    // Where the client has asked for it.
    void report_progress(std::uint64_t call, std::string_view text);

  private:
    struct Batch;
    struct Request;
    struct Call;

    void take_line(std::string_view line);
    void take_batch(const nlohmann::json& messages);
    void take_message(const nlohmann::json& message, const std::shared_ptr<Batch>& batch);
    void take_notification(const std::string& method, const nlohmann::json& parameters);
    void take_request(const Request& request, const std::string& method, const nlohmann::json& parameters);
    void initialize(const Request& request, const nlohmann::json& parameters);
    void call_tool(const Request& request, const nlohmann::json& parameters);
    void answer(const Request& request, std::string_view result);
    void refuse(const Request& request, int code, std::string_view message);
    void reply(const Request& request, std::string message);
    void end_of_one(const std::shared_ptr<Batch>& batch);

    Tools& tools_;
    const std::string version_;
    const std::function<void(std::string_view)> send_;
    std::string protocol_;
    std::string line_;       // what has arrived of a line
    bool too_long_ = false;  // the rest of this line is passed over
    std::map<std::uint64_t, Call> calls_;
    std::uint64_t last_call_ = 0;
};

}  // namespace leakline::mcp
