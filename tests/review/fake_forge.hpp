// A server that keeps comments as GitHub and GitLab document it: pages with Link headers, POST, PATCH and PUT, and failures on demand.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/loopback_server.hpp"

namespace leakline::test {

class FakeForge {
  public:
    struct Comment {
        std::int64_t id;
        std::string body;
    };

    explicit FakeForge(std::string list_path, std::string comment_path)
        : list_path_(std::move(list_path)), comment_path_(std::move(comment_path)), server_([this](Wire& wire) { answer(wire); }) {}

    std::string url() const { return server_.url(); }
    std::vector<Comment> comments;
    std::size_t page_size = 100;
    // Whole responses for the next requests, and what comes in place of one that is empty: the ordinary one.
    std::deque<std::string> next;
    bool takes_before_failing = false;  // a POST is carried out although its response is from `next`
    std::vector<std::string> requests;  // as received

    static std::string response(int status, const std::string& headers, const std::string& body) {
        return fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", status, headers,
                           body.size(), body);
    }

  private:
    void answer(Wire& wire) {
        const std::string request = wire.read_request();
        if (request.empty()) return;
        const std::lock_guard lock(mutex_);
        requests.push_back(request);
        if (!next.empty()) {
            const std::string given = next.front();
            next.pop_front();
            if (takes_before_failing && request.starts_with("POST")) ordinary(request);
            if (!given.empty()) return wire.write(given);
        }
        wire.write(ordinary(request));
    }

    std::string ordinary(const std::string& request) {
        const std::string method = request.substr(0, request.find(' '));
        const std::string target = request.substr(method.size() + 1, request.find(' ', method.size() + 1) - method.size() - 1);
        const std::string path = target.substr(0, target.find('?'));
        const auto text = [&] { return nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4)).at("body").get<std::string>(); };
        if (method == "GET" && path == list_path_) return page(target);
        if (method == "POST" && path == list_path_) {
            comments.push_back({static_cast<std::int64_t>(1000 + comments.size()), text()});
            return response(201, "", nlohmann::json{{"id", comments.back().id}, {"body", comments.back().body}}.dump());
        }
        if ((method == "PATCH" || method == "PUT") && path.starts_with(comment_path_))
            for (Comment& comment : comments)
                if (path == comment_path_ + std::to_string(comment.id)) {
                    comment.body = text();
                    return response(200, "", nlohmann::json{{"id", comment.id}, {"body", comment.body}}.dump());
                }
        return response(404, "", R"({"message":"Not Found"})");
    }

    std::string page(const std::string& target) {
        const std::size_t at = target.find("&page=");
        const std::size_t number = at == target.npos ? 1 : std::stoul(target.substr(at + 6));
        nlohmann::json list = nlohmann::json::array();
        for (std::size_t i = (number - 1) * page_size; i < std::min(number * page_size, comments.size()); ++i)
            list.push_back({{"id", comments[i].id}, {"body", comments[i].body}, {"user", {{"login", "someone"}}}});
        std::string link;
        if (number * page_size < comments.size())
            link = fmt::format("Link: <{0}{1}?per_page=100&page={2}>; rel=\"next\", <{0}{1}?per_page=100&page=9>; rel=\"last\"\r\n", url(),
                               list_path_, number + 1);
        return response(200, link, list.dump());
    }

    std::string list_path_, comment_path_;
    std::mutex mutex_;
    LoopbackServer server_;  // goes first
};

}  // namespace leakline::test
