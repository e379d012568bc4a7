#include "replay/internal/request_host.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace leakline::replay {

std::string_view without_port(std::string_view host) {
    const std::size_t colon = host.rfind(':');
    if (colon == host.npos || host.find(']', colon) != host.npos) return host;
    if (host.find(':') != colon && !host.starts_with('[')) return host;  // an IPv6 address without brackets
    return host.substr(0, colon);
}

std::string_view authority_of_target(std::string_view target) {
    if (target.starts_with('/')) return {};
    const std::size_t scheme = target.find("://");
    if (scheme == target.npos || target.substr(0, scheme).find_first_of("/?#") != target.npos) return {};
    const std::string_view rest = target.substr(scheme + 3), authority = rest.substr(0, rest.find_first_of("/?#"));
    const std::size_t at = authority.rfind('@');
    return at == authority.npos ? authority : authority.substr(at + 1);
}

std::string_view host_of(const Record& record) {
    if (const std::string_view authority = authority_of_target(record.target); !authority.empty()) return authority;
    for (const auto& [name, value] : record.headers)
        if (equal_ignoring_case(name, "host")) return value;
    return {};
}

std::string comparable_host(std::string_view authority) {
    const std::string_view host = without_port(authority);
    const std::string_view port = authority.substr(std::min(authority.size(), host.size() + 1));
    if (port == "80" || port == "443" || port.empty()) authority = host;
    std::string text(authority);
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

bool host_matches(std::string_view pattern, std::string_view host) {
    if (pattern == "*") return true;
    const std::string wanted = comparable_host(pattern);
    if (wanted.starts_with("*.")) return without_port(host).ends_with(std::string_view(wanted).substr(1));
    return host == wanted || (without_port(pattern) == pattern && without_port(host) == wanted);
}

void HostCounts::add(std::string_view authority, std::uint64_t count) {
    total_ += count;
    if (last_count_ == nullptr || authority != last_) {
        std::string host = comparable_host(authority);
        const auto entry = counts_.find(host);
        if (entry != counts_.end())
            last_count_ = &entry->second;
        else if (counts_.size() < kLimit)
            last_count_ = &counts_.emplace(std::move(host), 0).first->second;
        else
            last_count_ = &other_;
        last_ = authority;
    }
    *last_count_ += count;
}

std::vector<std::pair<std::string, std::uint64_t>> HostCounts::ranking() const {
    std::vector<std::pair<std::string, std::uint64_t>> ranking(counts_.begin(), counts_.end());
    std::stable_sort(ranking.begin(), ranking.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    if (other_ > 0) ranking.emplace_back("(other hosts)", other_);
    return ranking;
}

std::string default_host(const HostCounts& counts, std::string_view target) {
    const auto ranking = counts.ranking();
    const std::string wanted = comparable_host(target);
    for (const auto& [host, count] : ranking)
        if (host == wanted) return host;
    for (const auto& [host, count] : ranking)
        if (without_port(host) == without_port(wanted)) return host;
    return ranking.empty() ? std::string() : ranking[0].first;
}

}  // namespace leakline::replay
