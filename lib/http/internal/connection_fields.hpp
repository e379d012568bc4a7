// Internal to the recording proxy: which fields of a head are not forwarded, and which heads are refused.
#pragma once

#include "http/internal/head_rules.hpp"

#include <boost/beast/http.hpp>
#include <optional>
#include <string>
#include <vector>

namespace leakline::http {

// The fields that a Connection field names belong to the connection too, but for those that say what the message is: a client
// must not have them dropped (RFC 9110, section 7.6.1).
template <bool is_request>
void erase_connection_fields(boost::beast::http::header<is_request, boost::beast::http::fields>& head) {
    namespace bhttp = boost::beast::http;
    std::vector<std::string> named;
    const auto [first, last] = head.equal_range(bhttp::field::connection);
    for (auto field = first; field != last; ++field)
        for (const auto& name : bhttp::token_list(field->value())) named.emplace_back(name);
    for (const std::string& name : named) {
        const bhttp::field field = bhttp::string_to_field(name);
        if (field != bhttp::field::host && field != bhttp::field::content_length && field != bhttp::field::transfer_encoding)
            head.erase(name);
    }
    for (const bhttp::field field :
         {bhttp::field::connection, bhttp::field::keep_alive, bhttp::field::proxy_connection, bhttp::field::te, bhttp::field::upgrade})
        head.erase(field);
}

template <bool is_request>
std::optional<Refusal> refusal_of(const boost::beast::http::header<is_request, boost::beast::http::fields>& head) {
    HeadRules rules;
    for (const auto& field : head) rules.see(field.name(), {field.value().data(), field.value().size()});
    const bool http_1_1 = head.version() >= 11;
    return is_request ? rules.refusal(http_1_1) : rules.encoding_refusal(http_1_1);
}

}  // namespace leakline::http
