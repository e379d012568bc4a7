// Secrets as they stand in command lines and URLs, taken out of what is reported. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakline {

inline constexpr std::string_view kRedacted = "REDACTED";

// The words of a command line without the values of what is commonly a secret:
//   --password=X, --db-password X, -token=X, API_KEY=X   a name with password, passwd, secret, token, credential, api-key,
//                                                        access-key, private-key, auth or passphrase as one of its words
//   Authorization: X, Cookie: X, X-Api-Key: X            headers by such a name
//   scheme://user:X@host                                 and ?token=X, &api_key=X in a query
//   AKIA..., ghp_..., xoxb-..., eyJ...                   keys that show by themselves what they are
// A word that names a file of secrets (--password-file F, --token-path=F) keeps it.
std::vector<std::string> redact_secrets(std::vector<std::string> words);

// The same for a command line as one text, whose words are separated by spaces.
std::string redact_secrets(std::string_view text);

// text with "***" in place of each of these secrets, longer ones first; those of fewer than 4 characters protect nothing and stay.
std::string hide(std::string text, std::vector<std::string> secrets);

}  // namespace leakline
