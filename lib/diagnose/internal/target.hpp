// The service under test: how it is started, where it listens and when it is ready.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "clock/service_clock.hpp"
#include "http/connect_options.hpp"
#include "system/child_process.hpp"

namespace leakline::diagnose {

// The user's description of the service.
//
// In the arguments and the URL, {port} stands for a free port that is picked at each start, or in the arguments for the
// port that the URL names; it is also in the environment as PORT. {port_file} stands for a file in which the service writes the port that it has bound itself, and
// {time_scale} for time_scale.
struct TargetSpec {
    int pid = 0;  // a running service: nothing is started or ended, and describe_running() fills in the rest
    std::vector<std::string> arguments;
    std::string url;               // "" = http://127.0.0.1:{port}
    std::string ready_path = "/";  // any response to a GET of it means ready
    Nanoseconds ready_timeout = std::chrono::seconds(30);
    Nanoseconds grace = std::chrono::seconds(10);  // from SIGTERM to SIGKILL
    double time_scale = 1;                         // how many times as fast as the machine's the service's clock is to run
    // Of a service that does not take {time_scale}: how its clock is set from outside; scale is time_scale's. Nothing: it is not.
    std::optional<clock::ClockOptions> clock = clock::ClockOptions{};
    // Its TMPDIR is our scratch folder, so that what it leaves there when it is killed goes with us. Not for a service that may
    // change its user, who could not write there.
    bool temporary_in_scratch = false;
    // Shell commands: setup runs before each start, cleanup after each end, also of a start that failed. Both may hold the
    // placeholders, and have PORT in their environment. "" = none.
    std::string setup, cleanup;
    std::function<void(const std::string&)> warn;  // called where cleanup fails; may be empty
    // Logs with responses, from which what the service calls is answered; diagnose() sets the URL, which {stub} and STUB_URL stand for.
    std::vector<std::string> stub_logs;
    std::string stub_url;
    http::ConnectOptions connect;  // how it is asked whether it is ready; diagnose() sets that of the traffic
    bool show_output = false;      // the service's output on our stderr, else in a file whose end is shown on failure
};

// One start of it.
struct Launch {
    Command command;
    std::string url;                      // of the origin; its port is only known after wait_until_ready where a port file is used
    std::string port_file;                // "" = none
    std::string log_file;                 // "" = output is shown
    bool only_in_environment = false;     // the service gets its port from PORT only
    std::shared_ptr<const void> cleanup;  // runs TargetSpec::cleanup when the last copy of this goes: outlives the service
    std::shared_ptr<const clock::ServiceClock> clock;  // as long as programs of the service are started; null: the machine's
};

// Whether the command contains {time_scale}: the service scales its own clock.
bool takes_time_scale(const TargetSpec& spec);
// Whether its clock runs at time_scale.
inline bool scales_time(const TargetSpec& spec) { return takes_time_scale(spec) || spec.clock.has_value(); }

// Fills in the placeholders and runs the setup command; files go into scratch (a folder). Throws Error{usage} for a URL that is none, and
// Error{input} where something already answers at a fixed URL: it, and not the service, would be measured; where the
// clock of the service cannot be set, and where the setup command fails.
Launch prepare_launch(const TargetSpec& spec, const std::string& scratch);

// Returns the origin's URL once the service has answered a request. Throws Error{system} with the end of the service's
// output when it ends or the time is over before that, and when stop is requested; Error{input} where its clock was not set.
std::string wait_until_ready(Child& child, const Launch& launch, const TargetSpec& spec, const std::stop_token& stop);

// The last lines that the service wrote, printable.
std::vector<std::string> last_lines(const Launch& launch);
// The same, indented, for a message of several lines; "" where there are none.
std::string last_output(const Launch& launch);

}  // namespace leakline::diagnose
