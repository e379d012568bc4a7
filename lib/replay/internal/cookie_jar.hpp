// The cookies of one session, as a browser keeps them for one service (RFC 6265; domains are not looked at).
//
// Thread-safety: one object, one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakline::replay {

// The value that a Set-Cookie header gives to name; nothing ("") if it sets another cookie.
std::string_view cookie_value(std::string_view set_cookie, std::string_view name);

class CookieJar {
  public:
    static constexpr std::size_t kMax = 64;  // cookies; further ones are not kept

    // The value of a Set-Cookie header in the response to a request of this target. False if it is none.
    bool set(std::string_view set_cookie, std::string_view request_target);

    // Appends the line "Cookie: a=1; b=2\r\n" for a request of this target that was recorded with these cookies ("a=0; c=3", or
    // "redacted"); nothing if there are none. Recorded cookies that the service has not set stay, deleted ones go.
    void append_line(std::string& out, std::string_view request_target, std::string_view recorded) const;

    std::size_t bytes() const;

  private:
    struct Cookie {
        std::string name, value, path;
        bool deleted = false;
    };
    const Cookie* find(std::string_view name, std::string_view path) const;

    std::vector<Cookie> cookies_;
};

}  // namespace leakline::replay
