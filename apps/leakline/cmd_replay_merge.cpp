// leakline replay-merge: adds the results of replays of a log's shards.
#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "replay/merge.hpp"
#include "report/json_read.hpp"
#include "system/byte_source.hpp"

namespace leakline::cli {

namespace {

int run_replay_merge(const std::vector<std::string>& files, Output& output, const std::stop_token& stop) {
    output.open(files);
    std::vector<replay::NamedStats> parts;
    for (const std::string& file : files) parts.push_back({file, report::read_replay(read_file(file, kReadLimit, stop), file)});
    const ReplayStats sum = replay::merge(parts);
    output.write(sum);
    for (const std::string& reason : sum.reasons) output.warn("the measurement is invalid: " + reason);
    if (!sum.valid) return kInvalid;
    return sum.unexpected == 0 ? kNoLeak : kLeak;
}

}  // namespace

Run declare_replay_merge(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kReplayForm);
    auto files = std::make_shared<std::vector<std::string>>();
    app.add_option("file", *files, "Results of leakline replay as JSON (-o FILE.json)")->required()->type_name("FILE");
    return [=](const Interruption& interruption) { return run_replay_merge(*files, *output, interruption.stop); };
}

}  // namespace leakline::cli
