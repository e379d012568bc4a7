#include "audit/internal/python_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "audit/internal/bound_comments.hpp"
#include "audit/internal/python_module.hpp"
#include "base/ascii.hpp"
#include "base/strings.hpp"

extern "C" const TSLanguage* tree_sitter_python(void);

namespace leakline::audit {

namespace {

constexpr std::size_t kMaxErrors = 3;

// function: the innermost one around the node.
void find_errors(PythonNode node, PythonNode function, std::vector<Unread>& unread, int depth = 0) {
    constexpr std::size_t kMaxUnread = 1'000;
    constexpr int kDeepestError = 200;
    if (!node.has_error() || unread.size() >= kMaxUnread || depth > kDeepestError) return;
    if (node.is_error()) {
        const PythonNode around = function ? function : node;
        unread.push_back({{kNoName, around.line()}, around.last_line()});
        return;
    }
    if (node.is("function_definition")) function = node;
    for (const PythonNode& child : node.children()) find_errors(child, function, unread, depth + 1);
}

// What a dataclass, attrs or a model of pydantic makes anew for each object.
bool is_field(PythonNode value) {
    return value.is("call") && one_of(last_part(value.field("function").text()), {"field", "Field", "ib", "attrib", "Factory"});
}

// deque(maxlen=9), deque([], 9)
bool is_bounded_deque(PythonNode arguments) {
    const auto given = arguments.children();
    for (const PythonNode& argument : given)
        if (argument.is("keyword_argument") && argument.field("name").text() == "maxlen") return argument.field("value").text() != "None";
    return given.size() == 2 && given[1].text() != "None";
}

// "on_start", "on_first_start", "on_shutdown": runs once per process or worker, not per request.
bool is_of_lifecycle(std::string_view name) {
    static constexpr std::array<std::string_view, 12> tails = {"start", "started", "startup", "stop",  "stopped", "shutdown",
                                                               "init",  "load",    "unload",  "setup", "ready",   "restart"};
    return std::any_of(tails.begin(), tails.end(), [&](std::string_view tail) { return name.ends_with(tail); });
}

// "name", "name: type", "name=value": the name.
PythonNode name_of_parameter(PythonNode parameter) {
    if (parameter.is("typed_parameter")) return parameter.first();
    const PythonNode name = parameter.field("name");
    return name ? name : parameter;
}

// __init__(self, get_response), __init__(self, app, ...): of middleware, which wraps what handles requests.
bool names_wrapped(PythonNode parameters) {
    const auto all = parameters.children();
    return all.size() >= 2 && one_of(name_of_parameter(all[1]).text(), {"get_response", "app", "application", "wsgi_app", "asgi_app"});
}

// "do_GET" of http.server.
bool is_http_method(std::string_view name) { return name.starts_with("do_") && name.size() > 3 && is_upper(name[3]); }

struct Deleting {
    void operator()(TSParser* parser) const { ts_parser_delete(parser); }
    void operator()(TSTree* tree) const { ts_tree_delete(tree); }
};

}  // namespace

bool has_python_grammar() { return true; }

UnitFacts read_python(std::string_view text, const std::string& path, const std::string& module) {
    UnitFacts facts;
    facts.lines = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n'));
    const std::unique_ptr<TSParser, Deleting> parser(ts_parser_new());
    ts_parser_set_language(parser.get(), tree_sitter_python());
    const std::unique_ptr<TSTree, Deleting> tree(
        ts_parser_parse_string(parser.get(), nullptr, text.data(), static_cast<std::uint32_t>(text.size())));
    if (!tree) {
        facts.errors.emplace_back("cannot be parsed");
        return facts;
    }
    const PythonNode root(ts_tree_root_node(tree.get()), text);
    std::vector<Unread> unread;
    find_errors(root, PythonNode(), unread);
    for (std::size_t i = 0; i < std::min(unread.size(), kMaxErrors); ++i)
        facts.errors.push_back(fmt::format("{}:{}: syntax error", path, unread[i].at.line));
    if (root.has_error() && facts.errors.empty()) facts.errors.push_back(path + ": syntax error");
    PythonModule(facts, path, module).read(root);
    Names names(facts);
    for (Unread& lines : unread) {
        lines.at.file = names(path);
        facts.unread.push_back(lines);
    }
    add_bound_comments(facts, names, path, text, "#");
    return facts;
}

PythonModule::PythonModule(UnitFacts& facts, std::string path, std::string module)
    : facts_(facts), name_(facts), path_(std::move(path)), module_(std::move(module)), note_flow_(facts) {}

void PythonModule::read(PythonNode root) {
    collect(root);
    note_mentions(root);
    for (const auto& [name, full] : imports_)
        if (full.find('.') != full.npos && !globals_.contains(name) && !functions_.contains(name) && !classes_.contains(name))
            facts_.reexports.push_back({name_("py:" + module_ + "." + name), name_("py:" + full)});
    for (const auto& [name, value] : globals_) {
        const std::string id = "py:" + module_ + "." + name;
        if (!functions_.contains(name) && !classes_.contains(name)) note_variable(id, name, Storage::global, "", PythonNode(), value);
    }
    Function body;
    body.id = name_("py:" + module_ + ".<module>");
    body.name = name_("module " + module_);
    body.at = {name_(path_), 1};
    body.main = true;
    body.local_file = true;
    facts_.functions.push_back(body);
    Scope scope;
    scope.id = "py:" + module_ + ".<module>";
    scope.function = body.id;
    scopes_.push_back(std::move(scope));
    walk_children(root);
    scopes_.pop_back();
}

void PythonModule::collect_import(PythonNode statement) {
    // The package that a relative import starts from.
    std::string from;
    const PythonNode source = statement.field("module_name");
    if (source) {
        from = source.text();
        std::size_t dots = 0;
        while (dots < from.size() && from[dots] == '.') ++dots;
        if (dots != 0) {
            std::string package = module_;
            // A package's __init__.py is in the package itself.
            for (std::size_t i = path_.ends_with("/__init__.py") ? 1 : 0; i < dots; ++i)
                package = package.rfind('.') == package.npos ? "" : package.substr(0, package.rfind('.'));
            from = package + (package.empty() || dots == from.size() ? "" : ".") + from.substr(dots);
        }
    }
    for (const PythonNode& child : statement.children()) {
        if (source && child.text() == source.text() && child.line() == source.line() && child.is(source.kind())) continue;
        const PythonNode what = child.is("aliased_import") ? child.field("name") : child;
        if (!what.is("dotted_name")) continue;
        const std::string dotted(what.text());
        const std::string full = from.empty() ? dotted : from + "." + dotted;
        if (child.is("aliased_import"))
            imports_[std::string(child.field("alias").text())] = full;
        else if (source)
            imports_[dotted] = full;
        else
            imports_[dotted.substr(0, dotted.find('.'))] = dotted.substr(0, dotted.find('.'));
    }
}

void PythonModule::collect(PythonNode block) {
    for (const PythonNode& child : block.children()) {
        const PythonNode statement = undecorated(child);
        if (statement.is("function_definition")) {
            const std::string name(statement.field("name").text());
            functions_[name] = "py:" + module_ + "." + name;
        } else if (statement.is("class_definition")) {
            collect_class(statement, "");
        } else if (statement.is("import_statement") || statement.is("import_from_statement")) {
            collect_import(statement);
        } else if (statement.is("expression_statement")) {
            const PythonNode assignment = statement.first();
            if (assignment.is("assignment") && assignment.field("left").is("identifier")) {
                PythonValue value = value_of(assignment.field("right"));
                auto& known = globals_[std::string(assignment.field("left").text())];
                if (known.kind == PythonValue::Kind::unknown || value.grows()) known = value;
            }
        } else if (one_of(statement.kind(), {"if_statement", "try_statement", "with_statement", "block", "else_clause", "elif_clause",
                                             "except_clause", "finally_clause", "for_statement", "while_statement"})) {
            collect(statement);
        }
    }
}

void PythonModule::collect_attributes(PythonNode node, ClassScope& scope, const std::string& self, const std::string& method) {
    if (node.is("assignment")) {
        const PythonNode left = node.field("left");
        if (left.is("attribute") && left.field("object").text() == self && node.field("right")) {
            PythonValue value = value_of(node.field("right"));
            if (value.kind == PythonValue::Kind::unknown && node.field("right").is("identifier"))
                if (const auto given = scope.annotated.find(std::string(node.field("right").text())); given != scope.annotated.end())
                    value = given->second;
            const std::string attribute(left.field("attribute").text());
            PythonValue& known = scope.attributes[attribute];
            if (known.kind == PythonValue::Kind::unknown || value.grows() || value.kind == PythonValue::Kind::bounded) known = value;
            if (self != "cls") scope.shared.erase(attribute);  // in a method of the class it stays the class's
            scope.set_by[attribute].insert(method);
        }
    }
    for (const PythonNode& child : node.children())
        if (!child.is("class_definition")) collect_attributes(child, scope, self, method);
}

void PythonModule::collect_class(PythonNode definition, const std::string& prefix) {
    const std::string name = prefix + std::string(definition.field("name").text());
    ClassScope& scope = classes_[name];
    scope.id = "py:" + module_ + "." + name;
    for (const PythonNode& base : definition.field("superclasses").children())
        if (base.is("identifier") || base.is("attribute")) scope.bases.emplace_back(base.text());
    const PythonNode body = definition.field("body");
    for (PythonNode statement : body.children()) {
        if (statement.is("expression_statement")) {
            const PythonNode assignment = statement.first();
            if (!assignment.is("assignment") || !assignment.field("left").is("identifier")) continue;
            const std::string attribute(assignment.field("left").text());
            const PythonNode value = assignment.field("right");
            scope.attributes[attribute] = value ? value_of(value) : annotated_value(assignment.field("type"));
            if (!value) continue;
            scope.set_by[attribute].insert("");
            // A dataclass's field(default_factory=...) is of each object.
            // So is what a model of pydantic or the like is given as "parts: list = []".
            const std::string_view type = assignment.field("type") ? assignment.field("type").text() : "";
            const bool of_model = !type.empty() && type.find("ClassVar") == type.npos && !scope.bases.empty();
            if (!is_field(value) && !of_model) scope.shared.insert(attribute);
        }
    }
    bool wraps = false;
    for (const PythonNode& child : body.children()) {
        const PythonNode statement = undecorated(child);
        if (statement.is("class_definition")) collect_class(statement, name + ".");
        if (!statement.is("function_definition")) continue;
        const std::string method(statement.field("name").text());
        scope.methods.insert(method);
        scope.handles = scope.handles || is_http_method(method);
        const PythonNode first = statement.field("parameters").first();
        scope.annotated.clear();
        for (const PythonNode& parameter : statement.field("parameters").children())
            if (const PythonValue value = annotated_value(parameter.field("type")); value.kind == PythonValue::Kind::object)
                scope.annotated[std::string(name_of_parameter(parameter).text())] = value;
        if (first) collect_attributes(statement.field("body"), scope, std::string(first.text()), method);
        if (method == "__init__" && names_wrapped(statement.field("parameters"))) wraps = true;
    }
    scope.handles = scope.handles || is_outside_handler(&scope);
    for (const std::string& base : scope.bases) wraps = wraps || one_of(last_part(base), {"BaseHTTPMiddleware", "MiddlewareMixin"});
    for (const char* method : {"process_response", "process_request", "dispatch", "__call__"})
        if (wraps && scope.methods.contains(method)) scope.wraps = method;
}

PythonValue PythonModule::value_of(PythonNode expression) {
    PythonValue value;
    const std::string_view kind = expression.kind();
    if (kind == "parenthesized_expression" || kind == "await") return value_of(expression.first());
    if (kind == "list" || kind == "list_comprehension" || (kind == "tuple" && expression.children().empty()))
        value.kind = PythonValue::Kind::list;
    else if (kind == "dictionary" || kind == "dictionary_comprehension")
        value.kind = PythonValue::Kind::dict;
    else if (kind == "set" || kind == "set_comprehension")
        value.kind = PythonValue::Kind::set;
    else if (one_of(expression.text(), {"\"\"", "''", "b\"\"", "b''"}))
        value.kind = PythonValue::Kind::text;  // a text that starts empty is built up
    else if (one_of(kind, {"integer", "float", "true", "false", "string", "tuple", "lambda"}))
        value.kind = PythonValue::Kind::plain;
    if (kind == "binary_operator") {  // [None] * n, [] + x
        const PythonValue left = value_of(expression.field("left"));
        if (left.grows()) return left;
    }
    if (kind == "boolean_operator" || kind == "conditional_expression") {
        for (const PythonNode& part : expression.children())
            if (const PythonValue inner = value_of(part); inner.grows()) return inner;
    }
    // {"cpu": deque(maxlen=9), "disk": self.disk}: nothing in it grows, or it has another owner.
    if (const auto pairs = expression.children(); kind == "dictionary" && !pairs.empty())
        value.fixed_elements = std::all_of(pairs.begin(), pairs.end(), [&](const PythonNode& pair) {
            const PythonNode element = pair.field("value");
            return pair.is("pair") && (element.is("attribute") || element.is("identifier") ||
                                       one_of(value_of(element).kind, {PythonValue::Kind::bounded, PythonValue::Kind::plain}));
        });
    if (kind != "call") return value;
    const std::string_view function = expression.field("function").text();
    const std::string_view name = last_part(function);
    const std::string_view arguments = expression.field("arguments").text();
    if (name == "deque")
        value.kind = is_bounded_deque(expression.field("arguments")) ? PythonValue::Kind::bounded : PythonValue::Kind::list;
    else if (name == "list")
        value.kind = PythonValue::Kind::list;
    else if (one_of(name, {"dict", "OrderedDict", "ChainMap"}))
        value.kind = PythonValue::Kind::dict;
    else if (one_of(name, {"defaultdict", "Counter"})) {
        value.kind = PythonValue::Kind::default_dict;
        // defaultdict(int), defaultdict(Digest), defaultdict(lambda: deque(maxlen=9)): not of lists.
        PythonNode factory = expression.field("arguments").first();
        const bool lists = factory && one_of(last_part(factory.text()), {"list", "set", "dict", "deque", "defaultdict", "OrderedDict"});
        if (factory.is("lambda")) factory = factory.field("body");
        value.fixed_elements = factory && !lists && !value_of(factory).grows();
    } else if (name == "set")
        value.kind = PythonValue::Kind::set;
    else if (one_of(name, {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "JoinableQueue"}))
        value.kind = arguments == "()" || name == "SimpleQueue" ? PythonValue::Kind::queue : PythonValue::Kind::bounded;
    else if (one_of(name, {"StringIO", "BytesIO", "bytearray"}))
        value.kind = PythonValue::Kind::text;
    else if (is_field(expression) && !classes_.contains(std::string(function))) {
        for (const auto& [factory, made] :
             {std::pair{"=list", PythonValue::Kind::list}, std::pair{"=dict", PythonValue::Kind::dict},
              std::pair{"=set", PythonValue::Kind::set}, std::pair{"defaultdict", PythonValue::Kind::default_dict}})
            if (arguments.find(factory) != arguments.npos) value.kind = made;
        for (const PythonNode& given : expression.field("arguments").children())
            if (given.is("keyword_argument") && one_of(given.field("name").text(), {"default_factory", "factory"}))
                if (const std::string full = resolved_name(given.field("value").text()); !full.empty() && !value.grows()) {
                    value.kind = PythonValue::Kind::object;
                    value.type = full;
                }
    } else if (name.find("Weak") != name.npos || name.find("LRU") != name.npos || name.find("TTL") != name.npos ||
               name.find("LFU") != name.npos) {
        value.kind = PythonValue::Kind::bounded;
    } else if (const std::string own = own_class(function), full = own.empty() ? resolved_name(function) : own; !full.empty()) {
        value.kind = PythonValue::Kind::object;
        value.type = full;
    }
    return value;
}

// "Hub", "store.Hub", "Hub | None", "Optional[Hub]", "'Hub'".
PythonValue PythonModule::annotated_value(PythonNode type) const {
    PythonValue value;
    if (!type) return value;
    std::string_view text = trim(type.text());
    constexpr std::string_view kOptional = "Optional[";
    if (const std::size_t at = text.find(kOptional); at != text.npos && text.ends_with(']'))
        text = text.substr(at + kOptional.size(), text.size() - at - kOptional.size() - 1);
    constexpr std::string_view kOrNone = " | None";
    if (text.ends_with(kOrNone)) text.remove_suffix(kOrNone.size());
    if (text.size() > 2 && (text.front() == '"' || text.front() == '\'')) text = text.substr(1, text.size() - 2);
    const auto is_name = [](char c) { return is_word_part(c) || c == '.'; };
    const std::string_view name = last_part(text);
    // Names of classes usually begin with a capital; "str" and "dict" are built in.
    if (name.empty() || !is_upper(name.front()) || !std::all_of(text.begin(), text.end(), is_name)) return value;
    if (const std::string full = resolved_name(text); !full.empty() && !full.starts_with("py:typing.")) {
        value.kind = PythonValue::Kind::object;
        value.type = full;
        value.given = true;
    }
    return value;
}

// Of a class or function by its dotted name here: the identifier that it has in the module that defines it.
std::string PythonModule::resolved_name(std::string_view dotted) const {
    const std::string head(dotted.substr(0, dotted.find('.')));
    const std::string rest(dotted.size() > head.size() ? dotted.substr(head.size()) : "");
    if (classes_.contains(std::string(dotted)) || functions_.contains(head)) return "py:" + module_ + "." + std::string(dotted);
    if (const auto import = imports_.find(head); import != imports_.end()) return "py:" + import->second + rest;
    return {};
}

Name PythonModule::note_variable(const std::string& id, const std::string& shown, Storage storage, const std::string& owner, PythonNode at,
                                 const PythonValue& value) {
    const Name name = name_(id);
    if (!noted_.emplace(name, facts_.variables.size()).second) {
        // The place of a global is that of its first assignment, which comes after it is known.
        if (at) place_at(name, place(at));
        return name;
    }
    Variable variable;
    variable.id = name;
    variable.name = name_(shown);
    static constexpr std::string_view types[] = {"object", "list",   "dict",    "defaultdict", "set",
                                                 "queue",  "buffer", "bounded", "value",       "object"};
    variable.type = name_(std::string(types[static_cast<std::size_t>(value.kind)]));
    variable.owner = name_(owner);
    if (at)
        variable.at = place(at);
    else
        variable.at.file = name_(path_);
    variable.storage = storage;
    variable.container = value.grows();
    variable.indirect = value.given || ((storage == Storage::local || storage == Storage::parameter) && !value.grows());
    variable.fixed_elements = value.fixed_elements;
    if (value.kind == PythonValue::Kind::object) variable.holds.push_back(name_(value.type));
    facts_.variables.push_back(std::move(variable));
    return name;
}

Variable* PythonModule::noted_variable(Name id) {
    const auto known = noted_.find(id);
    return known == noted_.end() ? nullptr : &facts_.variables[known->second];
}

void PythonModule::place_at(Name variable, Place at) {
    if (Variable* known = noted_variable(variable); known != nullptr && known->at.line == 0) known->at = at;
}

bool PythonModule::is_outside_handler(const ClassScope* owner) const {
    for (int step = 0; owner != nullptr && step < 8; ++step) {
        const ClassScope* next = nullptr;
        for (const std::string& base : owner->bases) {
            const std::string name(last_part(base));
            static constexpr std::string_view tails[] = {"Handler",  "View",       "ViewSet",    "Resource", "Consumer",   "Servicer",
                                                         "Protocol", "Middleware", "Controller", "Endpoint", "MethodView", "Listener",
                                                         "Actor",    "Cog",        "Service",    "Worker",   "Plugin",     "Router"};
            if (std::any_of(std::begin(tails), std::end(tails), [&](std::string_view tail) { return name.ends_with(tail); }) &&
                !classes_.contains(base))
                return true;
            if (const auto known = classes_.find(base); known != classes_.end()) next = &known->second;
        }
        owner = next;
    }
    return false;
}

// Of the standard library's logging: what it handles are the program's own messages.
bool PythonModule::is_log_handler(const ClassScope* owner) const {
    return std::any_of(owner->bases.begin(), owner->bases.end(),
                       [&](const std::string& base) { return resolved_name(base).starts_with("py:logging."); });
}

std::string PythonModule::entry_reason(PythonNode definition, const std::vector<PythonNode>& decorators, const ClassScope* owner) const {
    for (const PythonNode& decorator : decorators) {
        PythonNode expression = decorator.first();
        if (expression.is("call")) expression = expression.field("function");
        const std::string_view text = expression.text(), name = last_part(text);
        static const std::set<std::string_view> dotted = {"route",
                                                          "get",
                                                          "post",
                                                          "put",
                                                          "delete",
                                                          "patch",
                                                          "head",
                                                          "options",
                                                          "websocket",
                                                          "task",
                                                          "command",
                                                          "event",
                                                          "on",
                                                          "middleware",
                                                          "before_request",
                                                          "after_request",
                                                          "teardown_request",
                                                          "handler",
                                                          "message_handler",
                                                          "errorhandler",
                                                          "subscribe",
                                                          "listener",
                                                          "periodic_task",
                                                          "job",
                                                          "scheduled_job",
                                                          "callback",
                                                          "method",
                                                          "rpc",
                                                          "tool",
                                                          "on_message",
                                                          "register",
                                                          "api_route",
                                                          "message",
                                                          "command_handler",
                                                          "exception_handler",
                                                          "agent"};
        static const std::set<std::string_view> bare = {"receiver",
                                                        "shared_task",
                                                        "api_view",
                                                        "view_config",
                                                        "route",
                                                        "get",
                                                        "post",
                                                        "put",
                                                        "delete",
                                                        "task",
                                                        "require_GET",
                                                        "require_POST",
                                                        "require_http_methods",
                                                        "csrf_exempt",
                                                        "login_required",
                                                        "subscribe",
                                                        "event_handler"};
        const std::string_view head = text.substr(0, text.find('.'));
        const auto of_terminal = [](const auto& import) {
            return one_of(import.second.substr(0, import.second.find('.')), {"click", "typer", "cleo"});
        };
        if (one_of(head, {"click", "typer", "cli", "pytest"}) ||
            (name == "command" && std::any_of(imports_.begin(), imports_.end(), of_terminal)))
            continue;  // commands of a terminal
        if (text.find('.') != text.npos ? dotted.contains(name) : bare.contains(name)) return fmt::format("handler by @{}", text);
    }
    const std::string_view name = definition.field("name").text();
    std::vector<std::string> parameters;
    for (const PythonNode& parameter : definition.field("parameters").children())
        parameters.emplace_back(name_of_parameter(parameter).text());
    if (owner != nullptr) {
        if (is_http_method(name)) return "handler of an HTTP method";
        static const std::set<std::string_view> methods = {"get",
                                                           "post",
                                                           "put",
                                                           "delete",
                                                           "patch",
                                                           "head",
                                                           "handle",
                                                           "dispatch",
                                                           "receive",
                                                           "connect",
                                                           "disconnect",
                                                           "data_received",
                                                           "connection_made",
                                                           "datagram_received",
                                                           "process_request",
                                                           "process_response",
                                                           "__call__",
                                                           "list",
                                                           "create",
                                                           "retrieve",
                                                           "update",
                                                           "on_message",
                                                           "on_get",
                                                           "on_post",
                                                           "on_put",
                                                           "on_delete",
                                                           "message",
                                                           "lineReceived",
                                                           "dataReceived",
                                                           "emit",
                                                           "prepare",
                                                           "on_event",
                                                           "process_message",
                                                           "open"};
        const bool grpc = parameters.size() == 3 && parameters[1] == "request" && parameters[2] == "context";
        const bool handles = methods.contains(name) || (name.starts_with("on_") && !is_of_lifecycle(name));
        if (grpc || (handles && is_outside_handler(owner) && !(name == "emit" && is_log_handler(owner)))) return "handler method";
        if (name == owner->wraps && parameters.size() > 2) return "handler of middleware";
        const bool own = name.starts_with('_') && name != "__call__";  // a helper, or a constructor
        if (!own && parameters.size() >= 2 && (parameters[1] == "request" || parameters[1] == "req")) return "handler of a request";
        return {};
    }
    const auto are = [&](std::initializer_list<std::string_view> wanted) {
        return parameters.size() == wanted.size() && std::equal(wanted.begin(), wanted.end(), parameters.begin());
    };
    // A helper, or a function within another one, is called by what is around it.
    const bool own = name.starts_with('_') || scopes_.size() > 1;
    if (!own && !parameters.empty() && (parameters[0] == "request" || parameters[0] == "req")) return "handler of a request";
    if (are({"event", "context"}) || are({"environ", "start_response"}) || are({"scope", "receive", "send"}) || are({"reader", "writer"}))
        return "handler by its parameters";
    return {};
}

}  // namespace leakline::audit
