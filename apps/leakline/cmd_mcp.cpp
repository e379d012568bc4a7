// leakline mcp: a server of the Model Context Protocol over standard input and output.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>

#include "commands.hpp"
#include "exit_code.hpp"
#include "mcp/session.hpp"
#include "mcp_calls.hpp"
#include "messages.hpp"
#include "output.hpp"
#include "system/stop.hpp"

namespace leakline::cli {

namespace {

// Until the client closes its end, or a signal.
int serve(const Interruption& interruption) {
    const StopDescriptor stop(interruption.stop);
    ToolCalls calls;
    mcp::Session session(calls, LEAKLINE_VERSION, write_standard_output);
    calls.report_to({[&](std::uint64_t call, const mcp::ToolResult& result) { session.finish(call, result); },
                     [&](std::uint64_t call, std::string_view text) { session.report_progress(call, text); }});
    char chunk[64 * 1024];
    while (!stop.requested()) {
        if (!calls.wait(STDIN_FILENO, stop)) continue;
        const ssize_t got = ::read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        session.receive({chunk, static_cast<std::size_t>(got)});
    }
    calls.cancel_all();
    return kNoLeak;
}

}  // namespace

Run declare_mcp(CLI::App& app) {
    auto messages = std::make_shared<Messages>(app);
    return [=](const Interruption& interruption) {
        messages->open();
        return serve(interruption);
    };
}

}  // namespace leakline::cli
