#include "report/internal/html_page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/xml.hpp"

namespace leakline::report {

namespace {

// JSON within <script>: no "</script" or "<!--" can end it, and line separators are escaped for old parsers.
std::string script_safe(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (json[i] == '<')
            out += "\\u003c";
        else if (json.substr(i, 3) == "\xe2\x80\xa8" || json.substr(i, 3) == "\xe2\x80\xa9") {
            out += json[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else
            out += json[i];
    }
    return out;
}

constexpr std::pair<const char*, const char*> kGlossary[] = {
    {"Accounting",
     "where the growth of resident memory went: into live blocks of known lines, of unknown lines, into malloc's own overhead, into "
     "memory that was freed but not returned to the system, and into the rest"},
    {"Budget", "growth that is tolerated; a gate fails if growth is not shown to be below it"},
    {"Container doubling", "one block that is replaced by one of twice its size when it is full, as of a vector"},
    {"Detection limit", "the smallest growth that this run can detect; a smaller leak would not be found"},
    {"Filling then flat", "grew, then held its level: a cache that reached its bound"},
    {"Growth", "live bytes at the end minus live bytes after warm-up"},
    {"Interval", "figures in parentheses: the range that holds the true value in 95 of 100 such runs"},
    {"Leaking line", "the source line through which most of the memory was allocated that was never freed"},
    {"Linear", "grows with requests or time until the end, in every round"},
    {"Live bytes", "heap memory that was allocated and not yet freed"},
    {"Round", "a part of the replayed traffic, followed by a pause in which memory is measured"},
    {"RSS, PSS, USS", "resident memory of a process: all of it, with shared pages divided among their users, without shared pages"},
    {"Warm-up", "the time at the start that does not count, in which caches and pools fill"},
};

std::string glossary_section() {
    std::string out = "<details class=\"fold\" id=\"glossary\"><summary><h2>Glossary</h2></summary>\n<dl class=\"terms\">\n";
    for (const auto& [term, meaning] : kGlossary) out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", term, meaning);
    return out + "</dl></details>\n";
}

std::string licenses_section() {
    return fmt::format(
        "<details class=\"fold\" id=\"licenses\"><summary><h2>Licenses</h2> <span class=\"note\">of the bundled chart libraries</span></summary>\n"
        "<pre class=\"scroll\">{}</pre></details>\n",
        xml_text(assets::licenses));
}

std::string section_html(const HtmlSection& section) {
    const char* scripted = section.scripted ? " scripted" : "";
    const std::string gist = section.gist.empty() ? "" : fmt::format(" <span class=\"note\">{}</span>", section.gist);
    if (section.folded)
        return fmt::format("<details class=\"fold{}\" id=\"{}\"><summary><h2>{}</h2>{}</summary>\n{}</details>\n", scripted, section.id,
                           section.heading, gist, section.body);
    return fmt::format("<section class=\"part{}\" id=\"{}\">\n<h2>{}{}</h2>\n{}</section>\n", scripted, section.id, section.heading, gist,
                       section.body);
}

std::string contents(const HtmlPage& page) {
    std::string out = "<nav class=\"contents\" aria-label=\"Contents\">\n";
    for (const HtmlSection& section : page.sections)
        if (!section.body.empty())
            out += fmt::format("<a{} href=\"#{}\">{}</a>\n", section.scripted ? " class=\"scripted\"" : "", section.id, section.heading);
    if (page.glossary) out += "<a href=\"#glossary\">Glossary</a>\n";
    return out + "</nav>\n";
}

}  // namespace

std::string html_page(const HtmlPage& page) {
    // The policy forbids the page to load or send anything, whatever its content.
    std::string out = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'; script-src "
        "'unsafe-inline'; img-src data:\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<link "
        "rel=\"icon\" href=\"data:,\">\n",
        xml_text(page.title));
    if (!page.data.empty()) out += fmt::format("<style>{}</style>\n", assets::uplot_css);
    out += fmt::format("<style>{}</style>\n", assets::report_css);
    // Without scripts only the static charts and the tables are shown, without empty frames.
    out += "<noscript><style>.chart, .tools, .keys, .scripted { display: none !important }</style></noscript>\n";
    const auto shown = std::count_if(page.sections.begin(), page.sections.end(), [](const auto& section) { return !section.body.empty(); });
    out += fmt::format("</head>\n<body{}>\n<header>\n{}</header>\n", shown > 2 ? " class=\"long\"" : "", page.header);
    if (shown > 2) out += contents(page);
    out += "<main>\n";
    for (const HtmlSection& section : page.sections)
        if (!section.body.empty()) out += section_html(section);
    if (page.glossary) out += glossary_section();
    if (!page.data.empty()) out += licenses_section();
    out += fmt::format("</main>\n<footer class=\"note\">leakline {}</footer>\n", LEAKLINE_VERSION);
    if (!page.data.empty()) {
        out += fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n", script_safe(page.data));
        for (std::string_view script : {assets::uplot_js, assets::flamegraph_js, assets::report_js})
            out += fmt::format("<script>{}</script>\n", script);
    }
    return out + "</body>\n</html>\n";
}

HtmlTile interval_tile(std::string label, const Interval& bytes) {
    return {std::move(label), format_bytes(bytes.estimate), interval_bounds(bytes)};
}

std::string html_tiles(const std::vector<HtmlTile>& tiles) {
    std::string out = "<div class=\"tiles\">\n";
    for (const HtmlTile& tile : tiles)
        out +=
            fmt::format("<div class=\"tile {}\"><span class=\"label\">{}</span><strong>{}</strong><span class=\"below\">{}</span></div>\n",
                        tile.style, xml_text(tile.label), html_cut(tile.value), html_cut(tile.note));
    return out + "</div>\n";
}

}  // namespace leakline::report
