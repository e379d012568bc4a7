#include "mcp/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_scan.hpp"
#include "base/json_text.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace leakline::mcp {

namespace {

using Json = nlohmann::json;  // sorted by name: ordered_json takes quadratic time for many members

// Newest first: that one is offered to a client that asks for another.
constexpr std::array<std::string_view, 4> kVersions = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
constexpr std::string_view kVersionWithBatches = "2025-03-26";

// https://www.jsonrpc.org/specification#error_object
constexpr int kParseError = -32700, kInvalidRequest = -32600, kMethodNotFound = -32601, kInvalidParams = -32602;

constexpr std::size_t kMaxQuoted = 100;

std::string in_quotes(std::string_view text) { return "'" + printable(utf8_cut(text, kMaxQuoted)) + "'"; }

// Texts of reports quote what programs and files hold: bytes that are not UTF-8 become '?'.
std::string json_text(std::string_view text) {
    std::string valid;
    while (!text.empty()) {
        const std::size_t good = utf8_prefix(text);
        valid += text.substr(0, good);
        text.remove_prefix(good);
        if (text.empty()) break;
        valid += '?';
        text.remove_prefix(1);
    }
    std::string out;
    append_json_string(out, valid);
    return out;
}

bool is_id(const Json& value) {
    constexpr std::size_t kMaxId = 1024;
    return value.is_number() || (value.is_string() && value.get_ref<const std::string&>().size() <= kMaxId);
}

// The error that keeps a line from being read; empty where it is JSON.
std::string read_message(std::string_view line, Json& into) {
    JsonNesting nesting;
    for (const char c : line) {
        nesting.take(c);
        if (nesting.depth() > Session::kMaxDepth) return fmt::format("nested more than {} deep", Session::kMaxDepth);
    }
    try {
        into = Json::parse(line);
    } catch (const Json::exception&) {
        return "not JSON";
    }
    return {};
}

// Within strings, JSON has no line breaks: those between its parts are blanks.
std::string on_one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return text;
}

std::string result_json(const ToolResult& result) {
    std::string out = "{\"content\":[";
    for (const std::string& text : result.texts)
        out += (&text == &result.texts.front() ? "" : ",") + fmt::format(R"({{"type":"text","text":{}}})", json_text(text));
    out += "]";
    if (!result.structured.empty()) out += ",\"structuredContent\":" + on_one_line(result.structured);
    return out + fmt::format(",\"isError\":{}}}", result.failed);
}

const Json& member(const Json& object, const char* name) {
    static const Json kNone;
    const auto found = object.find(name);
    return found == object.end() ? kNone : *found;
}

}  // namespace

// The answers to the requests of one batch, which are sent together.
struct Session::Batch {
    std::size_t open = 1;  // requests without an answer, and the reading of the batch
    std::vector<std::string> answers;
};

struct Session::Request {
    std::string id = "null";  // as JSON
    std::shared_ptr<Batch> batch;
};

struct Session::Call {
    Request request;
    std::string progress_token;  // as JSON; empty: the client has not asked for progress
    std::uint64_t reports = 0;
};

Session::Session(Tools& tools, std::string version, std::function<void(std::string_view)> send)
    : tools_(tools), version_(std::move(version)), send_(std::move(send)), protocol_(kVersions.front()) {}

Session::~Session() = default;

void Session::receive(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find('\n'), bytes.size());
        if (line_.size() + end > kMaxLine) {
            too_long_ = true;
            line_.clear();
        }
        if (!too_long_) line_ += bytes.substr(0, end);
        if (end == bytes.size()) return;
        bytes.remove_prefix(end + 1);
        const std::string line = std::exchange(line_, {});
        if (std::exchange(too_long_, false))
            refuse({}, kParseError, fmt::format("the message is larger than {} bytes", kMaxLine));
        else
            take_line(line);
    }
}

void Session::take_line(std::string_view line) {
    if (trim(line).empty()) return;
    Json message;
    if (const std::string error = read_message(line, message); !error.empty()) return refuse({}, kParseError, error);
    if (!message.is_array()) return take_message(message, nullptr);
    if (protocol_ != kVersionWithBatches) return refuse({}, kInvalidRequest, "protocol " + protocol_ + " has no batches");
    take_batch(message);
}

void Session::take_batch(const Json& messages) {
    if (messages.empty()) return refuse({}, kInvalidRequest, "the batch is empty");
    const auto batch = std::make_shared<Batch>();
    for (const Json& message : messages) take_message(message, batch);
    end_of_one(batch);
}

void Session::take_message(const Json& message, const std::shared_ptr<Batch>& batch) {
    Request request{"null", batch};
    const auto invalid = [&](std::string_view why) {
        if (batch) ++batch->open;
        refuse(request, kInvalidRequest, why);
    };
    if (!message.is_object()) return invalid("a message is an object");
    const Json &id = member(message, "id"), &method = member(message, "method"), &parameters = member(message, "params");
    if (is_id(id)) request.id = id.dump();
    if (member(message, "jsonrpc") != "2.0") return invalid("'jsonrpc' is not \"2.0\"");
    if (method.is_null() && (message.contains("result") || message.contains("error"))) return;  // an answer, to nothing that was asked
    if (!method.is_string()) return invalid("'method' is not a string");
    if (!message.contains("id")) return take_notification(method, parameters);
    if (!is_id(id)) return invalid("'id' is not a number or a short string");
    if (batch) ++batch->open;
    if (!parameters.is_null() && !parameters.is_object()) return refuse(request, kInvalidParams, "'params' is not an object");
    take_request(request, method, parameters.is_null() ? Json::object() : parameters);
}

void Session::take_notification(const std::string& method, const Json& parameters) {
    if (method != "notifications/cancelled" || !parameters.is_object()) return;  // others say nothing that matters here
    const Json& id = member(parameters, "requestId");
    if (!is_id(id)) return;
    const std::string text = id.dump();
    const auto call = std::find_if(calls_.begin(), calls_.end(), [&](const auto& one) { return one.second.request.id == text; });
    if (call == calls_.end()) return;  // it has ended meanwhile
    const auto [number, canceled] = *call;
    calls_.erase(call);
    tools_.cancel(number);
    if (canceled.request.batch) end_of_one(canceled.request.batch);
}

void Session::take_request(const Request& request, const std::string& method, const Json& parameters) {
    if (method == "initialize") return initialize(request, parameters);
    if (method == "ping") return answer(request, "{}");
    if (method == "tools/call") return call_tool(request, parameters);
    if (method != "tools/list") return refuse(request, kMethodNotFound, "unknown method " + in_quotes(method));
    // All tools are on the first page: there is no cursor that a client could have.
    if (parameters.contains("cursor")) return refuse(request, kInvalidParams, "'cursor' is not one of this server's");
    answer(request, "{\"tools\":" + tools_.list() + "}");
}

void Session::initialize(const Request& request, const Json& parameters) {
    const Json& wanted = member(parameters, "protocolVersion");
    if (!wanted.is_string()) return refuse(request, kInvalidParams, "'protocolVersion' is not a string");
    const bool known = std::find(kVersions.begin(), kVersions.end(), wanted.get_ref<const std::string&>()) != kVersions.end();
    protocol_ = known ? wanted.get<std::string>() : std::string(kVersions.front());
    const Json result = {{"protocolVersion", protocol_},
                         {"capabilities", {{"tools", Json::object()}}},
                         {"serverInfo", {{"name", "leakline"}, {"title", "leakline"}, {"version", version_}}},
                         {"instructions",
                          "Finds memory leaks in HTTP services. Start with diagnose, which runs a service with a request log and takes "
                          "minutes. Paths are relative to the folder in which the server was started."}};
    answer(request, result.dump());
}

void Session::call_tool(const Request& request, const Json& parameters) {
    const Json &name = member(parameters, "name"), &arguments = member(parameters, "arguments"), &meta = member(parameters, "_meta");
    if (!name.is_string()) return refuse(request, kInvalidParams, "'name' is not a string");
    if (!arguments.is_null() && !arguments.is_object()) return refuse(request, kInvalidParams, "'arguments' is not an object");
    for (const auto& [number, call] : calls_)
        if (call.request.id == request.id) return refuse(request, kInvalidRequest, "a request with this 'id' is still running");
    const std::uint64_t number = ++last_call_;
    if (calls_.size() >= kMaxCalls)
        return answer(request,
                      result_json({true, {fmt::format("{} calls are running already: wait for one, or cancel it", kMaxCalls)}, {}}));
    Call& call = calls_[number];
    call.request = request;
    if (meta.is_object())
        if (const Json& token = member(meta, "progressToken"); is_id(token)) call.progress_token = token.dump();
    const std::string& tool = name.get_ref<const std::string&>();
    if (tools_.start(number, tool, arguments.is_null() ? Json::object() : arguments)) return;
    calls_.erase(number);
    refuse(request, kInvalidParams, "unknown tool " + in_quotes(tool));
}

void Session::finish(std::uint64_t call, const ToolResult& result) {
    const auto found = calls_.find(call);
    if (found == calls_.end()) return;
    const Request request = found->second.request;
    calls_.erase(found);
    answer(request, result_json(result));
}

void Session::report_progress(std::uint64_t call, std::string_view text) {
    const auto found = calls_.find(call);
    if (found == calls_.end() || found->second.progress_token.empty()) return;
    // A number that has to grow with each report: the parts of a run are too different for a share of the whole.
    send_(fmt::format(R"({{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{},"progress":{},"message":{}}}}})"
                      "\n",
                      found->second.progress_token, ++found->second.reports, json_text(text)));
}

void Session::answer(const Request& request, std::string_view result) {
    reply(request, fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", request.id, result));
}

void Session::refuse(const Request& request, int code, std::string_view message) {
    reply(request, fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":{}}}}})", request.id, code, json_text(message)));
}

void Session::reply(const Request& request, std::string message) {
    if (!request.batch) return send_(message + "\n");
    request.batch->answers.push_back(std::move(message));
    end_of_one(request.batch);
}

void Session::end_of_one(const std::shared_ptr<Batch>& batch) {
    if (--batch->open > 0 || batch->answers.empty()) return;
    std::string line = "[";
    for (const std::string& text : batch->answers) line += (line.size() > 1 ? "," : "") + text;
    send_(line + "]\n");
}

}  // namespace leakline::mcp
