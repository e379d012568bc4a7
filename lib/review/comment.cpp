#include "review/comment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/redact.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "http/client.hpp"
#include "http/url.hpp"

namespace leakline::review {

namespace {

using Json = nlohmann::json;

constexpr int kAttempts = 6, kMaxRedirections = 3, kMaxPages = 1000;
constexpr Nanoseconds kMaxWait = std::chrono::minutes(5);
// "If you do not get a retry-after header, wait at least one minute."
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
constexpr Nanoseconds kWithoutRetryAfter = std::chrono::minutes(1);

// The request may succeed later.
struct TryLater {
    Error error;
    std::optional<Nanoseconds> wait;  // as the server says
};

std::optional<std::int64_t> number_in(const http::ClientResponse& response, std::string_view header) {
    const auto text = response.header(header);
    std::int64_t value = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) return std::nullopt;
    return value;
}

// The address of the next page: Link: <https://...>; rel="next", <...>; rel="last"  (RFC 8288)
std::string next_page(const http::ClientResponse& response) {
    for (const std::string_view link : split(response.header("Link").value_or(""), ',')) {
        const std::size_t begin = link.find('<'), end = link.find('>');
        if (begin == link.npos || end == link.npos || end < begin) continue;
        const std::string_view parameters = link.substr(end);
        if (parameters.find("rel=\"next\"") != link.npos || parameters.find("rel=next") != link.npos)
            return std::string(link.substr(begin + 1, end - begin - 1));
    }
    return {};
}

class Api {
  public:
    Api(const Discussion& discussion, const PostOptions& options)
        : discussion_(discussion), options_(options), origin_(http::parse_url(discussion.list_url).origin()) {}

    // The id of the comment that begins with mark; nothing where there is none.
    std::optional<std::string> find(const std::string& mark) const {
        std::string url = discussion_.list_url + "?per_page=100";
        for (int page = 0; page < kMaxPages; ++page) {
            const http::ClientResponse response = send("GET", url, {});
            for (const Json& comment : read_json(response, Json::value_t::array))
                if (auto id = id_of(comment); id && begins_with(comment, mark)) return id;
            const std::string next = next_page(response);
            if (next.empty() || next == url) return std::nullopt;
            url = next;
        }
        throw Error(ErrorKind::system, origin_, fmt::format("more than {} pages of comments", kMaxPages));
    }

    // False: it has been deleted meanwhile.
    bool update(const std::string& id, const std::string& body) const {
        return send(discussion_.update_method, discussion_.comment_url + id, body, 404).status != 404;
    }

    std::string create(const std::string& body) const {
        const http::ClientResponse response = send("POST", discussion_.list_url, body);
        return id_of(read_json(response, Json::value_t::object)).value_or("");
    }

  private:
    static std::optional<std::string> id_of(const Json& comment) {
        if (!comment.is_object() || !comment.contains("id") || !comment["id"].is_number_integer()) return std::nullopt;
        return comment["id"].dump();
    }

    static bool begins_with(const Json& comment, const std::string& mark) {
        return comment.contains("body") && comment["body"].is_string() && comment["body"].get_ref<const std::string&>().starts_with(mark);
    }

    Json read_json(const http::ClientResponse& response, Json::value_t type) const {
        Json read = Json::parse(response.body, nullptr, false);
        if (read.type() == type) return read;
        throw Error(ErrorKind::system, origin_, "the response is not what the API documents: " + quoted(response.body));
    }

    // A server may repeat the request.
    std::string quoted(const std::string& text) const { return "'" + printable(utf8_cut(hide(text, {discussion_.token}), 200)) + "'"; }

    // Redirections of the API, as of a repository that was renamed, keep method and body.
    http::ClientResponse send(const std::string& method, std::string url, const std::string& body, int tolerated = 0) const {
        for (int redirections = 0; redirections <= kMaxRedirections; ++redirections) {
            http::ClientResponse response = exchange(method, url, body);
            if (response.status != 301 && response.status != 302 && response.status != 307 && response.status != 308) {
                if (response.status != tolerated) require_success(response);
                return response;
            }
            url = std::string(response.header("Location").value_or(""));
            if (url.starts_with('/')) url.insert(0, origin_);
        }
        throw Error(ErrorKind::system, origin_, fmt::format("more than {} redirections", kMaxRedirections));
    }

    http::ClientResponse exchange(const std::string& method, const std::string& url, const std::string& body) const {
        if (const std::string to = http::parse_url(url).origin(); to != origin_)
            throw Error(ErrorKind::system, origin_, "points to " + to + ", where the token is not sent");
        http::ClientRequest request;
        request.url = url;
        request.method = method;
        request.headers = discussion_.headers;
        if (!body.empty()) {
            request.headers.emplace_back("Content-Type", "application/json");
            request.body = Json{{"body", body}}.dump(-1, ' ', false, Json::error_handler_t::replace);
        }
        try {
            return http::send_request(request);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::system) throw;
            throw TryLater{error, {}};
        }
    }

    void require_success(const http::ClientResponse& response) const {
        const int status = response.status;
        if (status >= 200 && status <= 299) return;
        const Error error(ErrorKind::system, origin_, fmt::format("{}: answered {}: {}", discussion_.name, status, quoted(response.body)),
                          status == 401 || status == 403 || status == 404 ? discussion_.token_hint : "");
        if (status >= 500) throw TryLater{error, retry_after(response)};
        if (const auto wait = rate_limit(response)) throw TryLater{error, wait};
        throw error;
    }

    static std::optional<Nanoseconds> retry_after(const http::ClientResponse& response) {
        const auto seconds = number_in(response, "Retry-After");
        if (!seconds || *seconds < 0) return std::nullopt;
        return std::chrono::seconds(std::min<std::int64_t>(*seconds, 1'000'000));
    }

    // GitHub: 403 or 429, with x-ratelimit-remaining: 0 or a message on the secondary limit. GitLab: 429.
    std::optional<Nanoseconds> rate_limit(const http::ClientResponse& response) const {
        constexpr std::int64_t kLatest = 9'000'000'000;  // the year 2255: 64 bits of nanoseconds end in 2262
        if (response.status != 429 && response.status != 403) return std::nullopt;
        if (const auto wait = retry_after(response)) return wait;
        for (const auto& [remaining, reset] :
             {std::pair("X-RateLimit-Remaining", "X-RateLimit-Reset"), std::pair("RateLimit-Remaining", "RateLimit-Reset")})
            if (number_in(response, remaining) == 0)
                if (const auto at = number_in(response, reset); at && *at > 0)
                    return std::max<Nanoseconds>(std::chrono::seconds(std::min(*at, kLatest) + 1) - options_.clock.wall(),
                                                 std::chrono::seconds(1));
        const bool secondary = response.body.find("secondary rate limit") != std::string::npos;
        return response.status == 429 || secondary ? std::optional(kWithoutRetryAfter) : std::nullopt;
    }

    const Discussion& discussion_;
    const PostOptions& options_;
    const std::string origin_;
};

Posted post_once(const Api& api, const std::string& mark, const std::string& body) {
    if (const auto id = api.find(mark); id && api.update(*id, body)) return {false, *id};
    return {true, api.create(body)};
}

}  // namespace

Posted post_comment(const Discussion& discussion, const std::string& body, const PostOptions& options) {
    const std::string mark = "<!-- leakline gate: " + options.gate + " -->\n";
    const Api api(discussion, options);
    for (int attempt = 1;; ++attempt) {
        try {
            return post_once(api, mark, mark + body);
        } catch (const TryLater& later) {
            const Nanoseconds wait = later.wait.value_or(std::chrono::seconds(1 << attempt));
            if (attempt == kAttempts) throw later.error;
            if (wait > kMaxWait)
                throw Error(ErrorKind::system, later.error.location(), later.error.message(),
                            "the rate limit ends in " + format_duration(std::chrono::duration_cast<std::chrono::seconds>(wait)));
            options.note(fmt::format("{}; next attempt in {}", later.error.message(),
                                     format_duration(std::chrono::duration_cast<std::chrono::seconds>(wait))));
            options.clock.sleep_until(options.clock.monotonic() + wait);
        }
    }
}

}  // namespace leakline::review
