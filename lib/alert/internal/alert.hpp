// An alert message, and the channels that deliver it. A channel is one file and one row of the table.
//
// Secrets (a password, a token in an address) are read from files, never from the command line, and appear in no text
// of this folder.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "alert/internal/rule.hpp"
#include "base/quantities.hpp"

namespace leakline::alert {

struct Alert {
    Kind kind = Kind::firing;
    std::string source;  // whose memory: "trackd 127.0.0.1:8080", "pid 4711"
    Bytes used = 0, limit = 0;
    double threshold = 0.8;
    Nanoseconds since{}, at{};  // wall clock: when it went over the threshold, and now

    // "trackd 127.0.0.1:8080: memory at 83 % of its limit (425 MiB of 512 MiB) since 2024-05-06T07:30:00Z".
    std::string summary() const;
    // {"schema":1,"status":"firing",...}: what webhooks and commands get.
    std::string json() const;
};

// Thread-safety: one channel, one thread at a time.
class Channel {
  public:
    virtual ~Channel() = default;
    // Blocks until the other side has taken it (at most about 10 s), or a program that takes it is stopped. Throws Error with a
    // reason free of secrets.
    virtual void send(const Alert& alert, const std::stop_token& stop) = 0;
    // For messages: "webhook http://127.0.0.1:9000"; no path, no query, no user.
    virtual std::string describe() const = 0;
};

// "NAME", or "NAME=TARGET,key=value,..." as in "email=smtp://mail.example.org:587,to=ops@example.org".
struct ChannelSpec {
    std::string name, target;
    std::map<std::string, std::string> settings;

    // Throws Error{usage}.
    static ChannelSpec parse(std::string_view text);
    // The setting, or fallback. required() throws Error{usage} where it is missing.
    std::string setting(const std::string& key, const std::string& fallback = {}) const;
    std::string required(const std::string& key) const;
    // The first line of the file that the setting names; empty where there is no such setting. Throws Error{input}.
    std::string secret(const std::string& key) const;
};

struct ChannelRow {
    std::string_view name;
    std::string_view usage;  // "webhook=URL[,user=U,password-file=F]"
    std::string_view summary;
    std::span<const std::string_view> settings;  // the keys that it knows
    std::unique_ptr<Channel> (*make)(const ChannelSpec&);
};
std::span<const ChannelRow> channels();

// Throws Error{usage}: unknown channel or setting (with did-you-mean), missing or bad values, a password in a URL.
std::unique_ptr<Channel> make_channel(std::string_view spec);

// An http(s) address that came as text or, for one with a token or a login in it, as "@FILE"; without the login. Throws
// Error{usage} that shows nothing of what the file holds.
std::string address_of(const ChannelSpec& spec);
// Scheme, host and port of a URL: what may be shown.
std::string origin_of(std::string_view url);
// POSTs body as JSON; anything but a 2xx throws Error{system}.
void post_json(const std::string& url, const std::string& authorization, const std::string& body);
// "Basic ..." from user and password-file or from the address in the file, or nothing.
std::string authorization_of(const ChannelSpec& spec);
// text with "***" in place of the secret parts of address and login: servers often repeat the request ("Cannot POST
// /services/T0KEN").
std::string without_secrets(std::string text, std::string_view url, std::string_view authorization);

std::unique_ptr<Channel> make_log_channel(const ChannelSpec& spec);
std::unique_ptr<Channel> make_webhook_channel(const ChannelSpec& spec);
std::unique_ptr<Channel> make_alertmanager_channel(const ChannelSpec& spec);
std::unique_ptr<Channel> make_email_channel(const ChannelSpec& spec);
std::unique_ptr<Channel> make_command_channel(const ChannelSpec& spec);

}  // namespace leakline::alert
