// leakline stub: answers with the recorded responses of a log, in place of what a service calls.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/quantities.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "messages.hpp"
#include "port_file.hpp"
#include "quantity_options.hpp"
#include "replay/stub.hpp"
#include "until.hpp"

namespace leakline::cli {

namespace {

struct StubCommand {
    replay::StubOptions stub;
    std::string listen = "127.0.0.1:8082", port_file;
    std::optional<Nanoseconds> duration;
};

int run_stub(StubCommand& command, Messages& messages, const std::stop_token& stop) {
    messages.open();
    replay::StubOptions& options = command.stub;
    options.listen = http::parse_listen(command.listen);
    const replay::StubServer server(options);
    for (const std::string& line : server.damage()) messages.warn(line);
    options.listen.port = server.port();
    write_port_file(command.port_file, server.port());
    messages.note(fmt::format(
        "answering at http://{} with {} recorded {}{}; press Ctrl-C to stop", options.listen.text(), format_count(server.recorded()),
        server.recorded() == 1 ? "response" : "responses",
        server.without_response() == 0 ? "" : fmt::format(" ({} without a response)", counted(server.without_response(), "request"))));
    Until until(command.duration, stop);
    while (until.step()) messages.progress("stub", counted(server.counts().requests, "request"), until.share());
    messages.end_progress();
    const replay::StubCounts counts = server.counts();
    messages.note(fmt::format("{}, {} answered as recorded, {} by a request with another body, {} unknown",
                              counted(counts.requests, "request"), format_count(counts.requests - counts.other_body - counts.unknown),
                              format_count(counts.other_body), format_count(counts.unknown)));
    if (const std::string unknown = replay::unknown_text(counts); !unknown.empty()) messages.warn(unknown);
    return kNoLeak;  // being interrupted is how it ends
}

}  // namespace

Run declare_stub(CLI::App& app) {
    auto command = std::make_shared<StubCommand>();
    auto messages = std::make_shared<Messages>(app);
    replay::StubOptions& stub = command->stub;
    app.add_option("log", stub.logs, "Logs with responses, written by leakline capture --responses")->required()->type_name("LOG");
    app.add_option("--listen", command->listen, "Address to listen on; port 0: any free port")
        ->type_name("ADDRESS:PORT")
        ->capture_default_str();
    add_port_file(app, command->port_file);
    app.add_option("--latency", stub.recorded_latency, "Answer at once (none) or after the recorded time (recorded)")
        ->transform(choice_of<bool>({{"none", false}, {"recorded", true}}))
        ->type_name("none|recorded")
        ->default_str("none");
    app.add_flag("--same-body", stub.same_body,
                 "Answer only requests whose body was recorded (default: others get the response of a request that differs in the body)");
    app.add_option("--unknown-status", stub.unknown_status, "Status for requests that have no recorded response, 400 to 599")
        ->type_name("STATUS")
        ->check(between(400, 599))
        ->capture_default_str();
    app.add_option("--threads", stub.threads, "Number of threads, 1 to 256")->type_name("N")->check(between(1, 256))->capture_default_str();
    add_duration(app, "--duration", command->duration, "Stop after this time");
    return [=](const Interruption& interruption) { return run_stub(*command, *messages, interruption.stop); };
}

}  // namespace leakline::cli
