// Values that a log of recorded requests must not contain, since logs are copied. Plain data; any thread may use it.
#pragma once

#include <string>
#include <vector>

#include "model/recorded_response.hpp"
#include "model/request.hpp"

namespace leakline {

struct Redaction {
    // Headers whose values are not kept. Names in any case, here and below.
    std::vector<std::string> headers = {"Authorization", "Cookie",       "Proxy-Authorization", "Referer",      "X-Amz-Security-Token",
                                        "X-Api-Key",     "X-Auth-Token", "X-Access-Token",      "X-Csrf-Token", "X-Vault-Token",
                                        "Private-Token", "Job-Token",    "Set-Cookie"};
    // Query parameters whose values are not kept.
    std::vector<std::string> parameters = {"access_token", "api_key",       "apikey", "auth_token",           "client_secret",  "id_token",
                                           "password",     "refresh_token", "sig",    "X-Amz-Security-Token", "X-Amz-Signature"};
    bool userinfo = true;  // the user and password of a target that is a whole URL

    static Redaction none() { return {{}, {}, false}; }
    // Replaces each by "redacted". The rest is unchanged, byte for byte.
    void apply(Request& request) const;
    // The same for the fields of a response; not for its body.
    void apply(RecordedResponse& response) const;
};

}  // namespace leakline
