// The names that Python's containers, frameworks and libraries go by: tables, no logic. Pure, safe from any thread.
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <vector>

#include "audit/internal/python_module.hpp"
#include "base/ascii.hpp"

namespace leakline::audit {

// A list of words that costs nothing at the start of the program.
template <std::size_t N>
struct PythonWords {
    std::string_view words[N];
    constexpr bool contains(std::string_view word) const { return std::find(std::begin(words), std::end(words), word) != std::end(words); }
};
template <class... Word>
PythonWords(Word...) -> PythonWords<sizeof...(Word)>;

inline constexpr PythonWords kGrows = {"append",     "extend", "add",        "insert", "update", "setdefault", "appendleft",
                                       "extendleft", "put",    "put_nowait", "push",   "write",  "writelines"};
inline constexpr PythonWords kShrinks = {
    "pop",      "popitem", "popleft", "remove", "discard", "clear", "get_nowait", "difference_update", "intersection_update",
    "truncate", "subtract"};
// Functions that change the list that they are given first.
inline constexpr PythonWords kGrowArgument = {"heappush", "insort", "insort_left", "insort_right"};
inline constexpr PythonWords kShrinkArgument = {"heappop", "heapreplace"};
inline constexpr PythonWords kWaits = {"sleep",         "accept",     "recv",        "recvfrom",       "recv_into",   "input",
                                       "serve_forever", "recv_json",  "recv_string", "recv_multipart", "get_message", "epoll",
                                       "receive",       "recv_pyobj", "blpop",       "brpop",          "xread",       "handle_request"};
inline constexpr PythonWords kServices = {"serve_forever", "run_app",        "run_forever",     "start_server",        "run_polling",
                                          "start_polling", "accept",         "listen",          "run_until_complete",  "start_consuming",
                                          "add_url_rule",  "include_router", "HTTPServer",      "ThreadingHTTPServer", "WSGIServer",
                                          "make_server",   "listen_tcp",     "infinity_polling"};
// Classes and functions that make the application of a web framework.
inline constexpr PythonWords kApplications = {"Flask",  "FastAPI",     "Starlette", "Quart",  "Sanic",
                                              "Bottle", "Application", "Litestar",  "Celery", "Dash"};
// Results that were received; those that are different each time.
inline constexpr PythonWords kInputs = {"get_json", "json", "readexactly", "readuntil"};
inline constexpr PythonWords kNews = {"uuid1",  "uuid4",  "token_hex", "token_urlsafe", "time",         "monotonic",     "now",
                                      "utcnow", "random", "randint",   "count",         "create_task",  "ensure_future", "Thread",
                                      "Event",  "Future", "Lock",      "object",        "perf_counter", "accept"};
inline constexpr PythonWords kRequestNames = {"request", "req", "message", "msg", "payload", "packet", "event", "environ"};
// Functions that call what they are given once, at once or when the one result that they wait for is there.
inline constexpr PythonWords kOnResult = {
    "addCallback", "addCallbacks", "addErrback",           "addBoth",       "add_done_callback", "then", "add_task", "submit",
    "apply_async", "call_soon",    "call_soon_threadsafe", "deferToThread", "callInThread"};
inline constexpr PythonWords kAtOnce = {"map",     "filter", "sorted", "sort",    "min",        "max",     "reduce", "any",  "all",
                                        "starmap", "sub",    "apply",  "groupby", "accumulate", "partial", "wraps",  "retry"};

// Whether a function or attribute of this name keeps what it is given to call it for requests, messages or timers.
inline bool is_registering(std::string_view word) {
    if (word == "add_command" || word == "add_argument") return false;
    if (word.starts_with("add_")) {
        static constexpr PythonWords what = {"get",    "post",   "put", "patch",  "head",   "url_rule", "view", "resource",
                                             "reader", "writer", "job", "method", "signal", "event",    "rpc",  "periodic"};
        if (what.contains(word.substr(4))) return true;
    }
    static constexpr std::string_view parts[] = {
        "oute",   "ubscribe", "andler", "allback", "onsume", "chedule", "imer",  "call_", "ubmit", "isten", "bind",
        "onnect", "ook",      "bserve", "ndpoint", "otify",  "task",    "every", "serve", "erver"};  // without the first letter: of any case
    return word.starts_with("on") ||
           std::any_of(std::begin(parts), std::end(parts), [&](std::string_view part) { return word.find(part) != word.npos; });
}

// Whether a function of this name ends what one of is_registering began: "removeObserver", "unsubscribe".
inline bool is_withdrawing(std::string_view word) {
    static constexpr std::string_view starts[] = {"remove", "unregister", "unsubscribe", "unbind", "disconnect", "detach", "del_"};
    // "off", "cancel_timer", "cancelCallback", not "offer", "offload", "cancelled".
    const auto begins = [&](std::string_view verb) {
        return word.starts_with(verb) && (word.size() == verb.size() || !is_lower(word[verb.size()]));
    };
    return begins("off") || begins("cancel") ||
           std::any_of(std::begin(starts), std::end(starts), [&](std::string_view start) { return word.starts_with(start); });
}

// Waits for requests or time, by the object that waits: "reader.readline", "stop.wait", "selector.select". Files and child
// processes have an end.
inline bool waits_on(PythonNode function) {
    static const std::map<std::string_view, std::vector<std::string_view>> objects = {
        {"readline", {"reader.", "sock", "conn", "rfile."}},
        {"wait", {"event", "stop", "cond", "exit", "quit", "shutdown", "wake", "ready", "trigger", "finish", "signal", "asyncio"}},
        {"poll", {"poll", "zmq", "sock", "consumer"}},
        {"select", {"select.", "selector"}}};
    const std::string_view text = function.text(), word = last_part(text);
    const auto known = objects.find(word);
    const std::string_view object = text.substr(0, text.size() - word.size());
    return known != objects.end() &&
           std::any_of(known->second.begin(), known->second.end(), [&](std::string_view part) { return object.find(part) != object.npos; });
}

// "self.rfile.read", "reader.read": not of files.
inline bool reads_stream(PythonNode function) {
    static constexpr std::string_view streams[] = {"reader", "rfile", "sock", "conn", "stream", "request", "body", "stdin", "ws", "serial"};
    const std::string_view text = function.text();
    return last_part(text) == "read" &&
           std::any_of(std::begin(streams), std::end(streams), [&](std::string_view part) { return text.find(part) != text.npos; });
}

// Functions whose result has to be closed.
inline constexpr PythonWords kOpens = {"open",
                                       "io.open",
                                       "codecs.open",
                                       "gzip.open",
                                       "socket.socket",
                                       "socket.create_connection",
                                       "sqlite3.connect",
                                       "psycopg2.connect",
                                       "pymysql.connect",
                                       "MySQLdb.connect",
                                       "os.open",
                                       "urllib.request.urlopen",
                                       "urlopen",
                                       "os.fdopen"};

}  // namespace leakline::audit
