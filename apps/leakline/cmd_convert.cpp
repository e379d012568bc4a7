// leakline convert: request logs of any format, as one log in the native format.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "messages.hpp"
#include "overwriting.hpp"
#include "replay/convert.hpp"
#include "system/output_file.hpp"
#include "traffic_options.hpp"

namespace leakline::cli {

namespace {

struct ConvertCommand {
    explicit ConvertCommand(CLI::App& app) : traffic(app, replay, TrafficOptions::Scope::reading) {}

    replay::ReplayOptions replay;
    TrafficOptions traffic;
    std::string output;
};

int run_convert(ConvertCommand& command, Messages& messages, const std::stop_token& stop) {
    messages.open();
    command.traffic.apply();
    refuse_to_overwrite({command.output}, command.replay.logs);
    command.replay.stop = stop;
    OutputFile file(command.output, stop);
    const replay::Conversion result = replay::convert(command.replay, file, [&](double part, std::uint64_t written) {
        messages.progress("convert", fmt::format("{} requests", format_count(written)), part > 0 ? std::optional(part) : std::nullopt);
    });
    messages.end_progress();
    if (stop.stop_requested()) {
        messages.warn(fmt::format("interrupted: {} was not written", command.output));
        return kInterrupted;
    }
    for (const std::string& warning : result.warnings) messages.warn(warning);
    messages.note(replay::conversion_text(result));
    if (result.written == 0)
        throw Error(ErrorKind::input, command.replay.logs[0], "all requests were filtered out",
                    "leakline replay --dry-run shows what is filtered out and why");
    file.commit();
    return kNoLeak;
}

}  // namespace

Run declare_convert(CLI::App& app) {
    auto messages = std::make_shared<Messages>(app);
    auto command = std::make_shared<ConvertCommand>(app);
    command->traffic.add_logs(app);
    app.add_option("-o,--output", command->output, "Log to write, one JSON object per line (-: standard output)")
        ->required()
        ->type_name("FILE");
    return [=](const Interruption& interruption) { return run_convert(*command, *messages, interruption.stop); };
}

}  // namespace leakline::cli
