// Which words a module says, so that a function whose name no module says is known to be called by none of them.
#include <algorithm>
#include <map>
#include <set>

#include "audit/internal/python_module.hpp"
#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::audit {

namespace {

constexpr int kDeepestMention = 300;

// "on_start", "on_" + event, f"on_{event}": what stands at the start of a text is seen.
bool begins_in_source(PythonNode text) {
    if (text.is("binary_operator")) return text.field("operator").text() == "+" && begins_in_source(text.field("left"));
    const std::string_view source = text.text();
    const std::size_t quote = source.find_first_of("\"'");
    return text.is("string") && quote != source.npos && quote + 1 < source.size() && source[quote + 1] != '{';
}

void mention_methods(PythonNode class_definition, std::set<std::string>& words) {
    for (const PythonNode& statement : class_definition.field("body").children())
        if (const std::string_view name = undecorated(statement).field("name").text(); !name.empty()) words.emplace(name);
}

}  // namespace

// Classes of the module, the variables that have their objects, and what calls of other code are given.
struct PythonModule::GivenObjects {
    std::map<std::string, PythonNode> classes;
    std::map<std::string, std::string> made;  // variable -> class
    std::set<std::string> given;
};

void PythonModule::note_mentions(PythonNode root) {
    std::set<std::string> words;
    collect_mentions(root, words);
    // A library calls methods of an object that it is given by names which this code need not say: SimpleXMLRPCServer.register_instance.
    GivenObjects objects;
    collect_given(root, objects);
    for (const auto& [variable, type] : objects.made)
        if (objects.given.contains(variable)) objects.given.insert(type);
    for (const auto& [name, definition] : objects.classes)
        if (objects.given.contains(name)) mention_methods(definition, words);
    for (const std::string& word : words) facts_.mentions.push_back(name_(word));
}

// All but the names that are defined. A decorated function is one that the decorator has; a method of a class with a base that is not known
// may be called by that one.
void PythonModule::collect_mentions(PythonNode node, std::set<std::string>& words, int depth) const {
    if (depth > kDeepestMention) {
        words.insert(kAnyWord);
        return;
    }
    const auto mention = [&](std::string_view word) {
        if (!word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return is_word_part(c); })) words.emplace(word);
    };
    const std::string_view kind = node.kind();
    if (kind == "identifier") return mention(node.text());
    if (kind == "string_content" || (kind == "string" && node.children().empty())) {
        std::string_view text = trim(node.text());
        while (!text.empty() && (text.front() == '"' || text.front() == '\'')) text.remove_prefix(1);
        while (!text.empty() && (text.back() == '"' || text.back() == '\'')) text.remove_suffix(1);
        text = text.substr(text.find_last_of(".:") + 1);  // "app.views.index"; npos + 1 is 0
        return mention(text.substr(0, text.find('{')));
    }
    if (kind == "call") {
        const std::string_view function = node.field("function").text();
        const auto given = node.field("arguments").children();
        if (function == "getattr" && given.size() >= 2 && !begins_in_source(given[1])) words.insert(kAnyWord);
        if (one_of(function, {"globals", "locals", "vars"})) words.insert(kAnyWord);
    }
    if (kind == "decorated_definition") {
        const auto parts = node.children();
        const bool plain = std::all_of(parts.begin(), parts.end(), [](const PythonNode& child) {
            return !child.is("decorator") || one_of(child.first().text(), {"staticmethod", "classmethod"});
        });
        if (!plain) mention(node.field("definition").field("name").text());
    }
    if (kind == "class_definition") {
        const auto is_known = [&](PythonNode base) {
            if (!base.is("identifier") && !base.is("attribute")) return base.is("keyword_argument");
            return !resolved_name(base.text()).empty() ||
                   one_of(base.text(), {"object", "dict", "list", "set", "Exception", "RuntimeError", "ValueError"});
        };
        const auto bases = node.field("superclasses").children();
        if (!std::all_of(bases.begin(), bases.end(), is_known)) mention_methods(node, words);
    }
    const bool defines = kind == "function_definition" || kind == "class_definition";
    const std::string_view defined = defines ? node.field("name").text() : std::string_view();
    for (const PythonNode& child : node.children())
        if (!defines || child.text().data() != defined.data()) collect_mentions(child, words, depth + 1);
}

void PythonModule::collect_given(PythonNode node, GivenObjects& objects, int depth) const {
    if (depth > kDeepestMention) return;
    if (node.is("class_definition")) objects.classes.emplace(node.field("name").text(), node);
    if (node.is("assignment") && node.field("right").is("call"))
        objects.made[std::string(node.field("left").text())] = node.field("right").field("function").text();
    if (node.is("call")) {
        const std::string function(node.field("function").text());
        if (!functions_.contains(function) && !classes_.contains(function) &&
            !one_of(last_part(function),
                    {"append", "add", "extend", "insert", "put", "print", "len", "str", "isinstance", "getattr", "hasattr"}))
            for (const PythonNode& argument : node.field("arguments").children()) {
                const PythonNode value = argument.is("keyword_argument") ? argument.field("value") : argument;
                objects.given.emplace(value.is("call") ? value.field("function").text() : value.text());
            }
    }
    for (const PythonNode& child : node.children()) collect_given(child, objects, depth + 1);
}

}  // namespace leakline::audit
