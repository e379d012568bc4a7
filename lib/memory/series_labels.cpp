#include "memory/internal/series_labels.hpp"

#include <algorithm>
#include <set>

#include "base/strings.hpp"
#include "memory/internal/series_processes.hpp"

namespace leakline::memory {

namespace {

using Values = std::vector<std::string_view>;

std::string joined(const Values& values, const std::vector<std::size_t>& columns) {
    std::string text;
    for (const std::size_t column : columns) {
        if (column >= values.size() || values[column].empty()) continue;
        text += (text.empty() ? "" : " ") + printable(values[column]);
    }
    return text;
}

std::size_t distinct(const std::vector<Values>& all, const std::vector<std::size_t>& columns) {
    std::set<std::string> texts;
    for (const Values& values : all) texts.insert(joined(values, columns));
    return texts.size();
}

}  // namespace

std::string shown_label(std::string_view key) {
    std::string text(key);
    std::replace(text.begin(), text.end(), SeriesCollector::kBetweenLabels, ' ');
    return printable(text);
}

std::vector<std::string> shortest_labels(const std::vector<std::string>& keys) {
    std::vector<Values> all;
    std::size_t width = 0;
    for (const std::string& key : keys) {
        all.push_back(split(key, SeriesCollector::kBetweenLabels));
        width = std::max(width, all.back().size());
    }
    // Columns in their order, those that distinguish more series than the ones before.
    std::vector<std::size_t> taken;
    std::size_t is_set = 0;
    for (std::size_t column = 0; column < width && is_set < keys.size(); ++column) {
        taken.push_back(column);
        const std::size_t with = distinct(all, taken);
        if (with > std::max<std::size_t>(is_set, 1))
            is_set = with;
        else
            taken.pop_back();
    }
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        labels.push_back(joined(all[i], taken));
        if (labels.back().empty()) labels.back() = shown_label(keys[i]);
    }
    return labels;
}

}  // namespace leakline::memory
