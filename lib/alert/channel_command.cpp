// Runs a program, without a shell, with the message in its environment: LEAKLINE_ALERT_STATUS, _SUMMARY, _SOURCE,
// _USED_BYTES, _LIMIT_BYTES and _JSON. An exit code other than 0 means that it was not delivered.
#include "alert/internal/alert.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "system/child_process.hpp"
#include "system/executables.hpp"

namespace leakline::alert {

namespace {

constexpr std::chrono::seconds kTimeout{10};

class RunCommand : public Channel {
  public:
    explicit RunCommand(std::string program) : program_(std::move(program)) {}
    void send(const Alert& alert, const std::stop_token& stop) override {
        Command command;
        command.arguments = {program_};
        command.standard_output = Command::Stream::null;
        command.environment = {{"LEAKLINE_ALERT_STATUS", std::string(kind_name(alert.kind))},
                               {"LEAKLINE_ALERT_SUMMARY", alert.summary()},
                               {"LEAKLINE_ALERT_SOURCE", alert.source},
                               {"LEAKLINE_ALERT_USED_BYTES", std::to_string(alert.used)},
                               {"LEAKLINE_ALERT_LIMIT_BYTES", std::to_string(alert.limit)},
                               {"LEAKLINE_ALERT_JSON", alert.json()}};
        Child child = Child::start(command);
        const std::optional<ExitStatus> status = child.wait_for(kTimeout, stop);
        if (!status && stop.stop_requested()) throw Error(ErrorKind::system, program_, "was interrupted");
        if (!status) throw Error(ErrorKind::system, program_, "did not end within " + format_duration(kTimeout));
        if (status->shell_code() != 0) throw Error(ErrorKind::system, program_, "ended with " + status->text());
    }
    std::string describe() const override { return "command " + program_; }

  private:
    const std::string program_;
};

}  // namespace

std::unique_ptr<Channel> make_command_channel(const ChannelSpec& spec) {
    const std::optional<std::string> program = find_executable(spec.target);
    if (!program)
        throw Error(ErrorKind::usage, "--alert-to command", "'" + printable(spec.target) + "' is not an executable program",
                    "as in command=/usr/local/bin/page-me; it is run without a shell and without arguments");
    return std::make_unique<RunCommand>(*program);
}

}  // namespace leakline::alert
