#include "audit/internal/words.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "base/ascii.hpp"

namespace leakline::audit {

namespace {

using Family = TypeFacts::Family;
using Set = std::set<std::string_view>;

bool in(const Set& set, std::string_view word) { return set.find(word) != set.end(); }

bool ends(std::string_view text, std::initializer_list<std::string_view> tails) {
    return std::any_of(tails.begin(), tails.end(), [&](std::string_view tail) { return text.ends_with(tail); });
}

}  // namespace

Family container_family(std::string_view class_name, bool standard) {
    static const Set sequences = {"vector", "deque", "list", "forward_list"};
    static const Set maps = {"map", "multimap", "unordered_map", "unordered_multimap"};
    static const Set sets = {"set", "multiset", "unordered_set", "unordered_multiset"};
    static const Set queues = {"queue", "stack", "priority_queue"};
    static const Set streams = {"basic_ostringstream", "basic_stringstream", "ostringstream", "stringstream"};
    if (in(sequences, class_name)) return Family::sequence;
    if (in(maps, class_name)) return Family::map;
    if (in(sets, class_name)) return Family::set;
    if (in(queues, class_name)) return Family::queue;
    if (in(streams, class_name)) return Family::stream;
    if (class_name == "basic_string" || class_name == "string") return Family::string;
    if (standard) return Family::none;
    const std::string name = to_lower(class_name);
    if (ends(name, {"iterator", "view", "span", "config", "info", "entry", "node", "guard", "lock", "reader", "writer", "parser"}))
        return Family::none;
    static const Set glib = {"GPtrArray", "GArray", "GByteArray", "GString", "GTree", "GSequence"};
    if (in(glib, class_name)) return Family::sequence;
    if (ends(name, {"map", "dict", "hash", "multimap", "hashtable", "table"})) return Family::map;
    if (ends(name, {"set", "multiset"})) return Family::set;
    if (ends(name, {"queue", "stack"})) return Family::queue;
    if (ends(name, {"vector", "list", "deque", "stringlist", "ptr_vector"})) return Family::sequence;
    if (ends(name, {"qstring", "qbytearray", "fbstring"})) return Family::string;
    return Family::none;
}

bool is_pointer_class(std::string_view class_name) {
    static const Set names = {"unique_ptr", "shared_ptr",    "weak_ptr",     "optional",       "reference_wrapper", "intrusive_ptr",
                              "scoped_ptr", "scoped_refptr", "atomic",       "QSharedPointer", "QPointer",          "QScopedPointer",
                              "RefPtr",     "not_null",      "observer_ptr", "__shared_ptr",   "local_shared_ptr"};
    return in(names, class_name);
}

Effect method_effect(std::string_view method, Family family, bool standard) {
    static const Set grows = {"push_back",    "emplace_back", "push_front",       "emplace_front", "push",
                              "emplace",      "insert",       "try_emplace",      "emplace_hint",  "append",
                              "merge",        "insert_after", "splice",           "emplace_after", "append_range",
                              "insert_range", "splice_after", "insert_or_assign", "operator+="};
    static const Set others_grow = {"add",         "put",     "enqueue",  "prepend",    "pushBack",
                                    "insertMulti", "addLast", "try_push", "push_range", "operator<<"};
    static const Set shrinks = {"erase",     "clear",   "pop",    "pop_back",  "pop_front",   "resize", "swap",        "assign",
                                "operator=", "extract", "remove", "remove_if", "erase_after", "unique", "assign_range"};
    static const Set others_shrink = {"take",        "takeFirst",    "takeLast",      "takeAt",  "removeAll",    "removeAt",
                                      "removeFirst", "removeLast",   "removeOne",     "dequeue", "try_pop",      "truncate",
                                      "reset",       "unsafe_erase", "remove_prefix", "consume", "try_dequeue",  "chop",
                                      "popFront",    "delete_all",   "discard",       "evict",   "wait_and_pop", "drain"};
    if (family == Family::none) return Effect::none;
    if (family == Family::stream) {
        if (method == "operator<<" || method == "write" || method == "put") return Effect::grow;
        return method == "str" || method == "operator=" || method == "swap" ? Effect::shrink : Effect::none;
    }
    if (method == "operator[]") return family == Family::map ? Effect::grow : Effect::none;
    if (in(grows, method) || (!standard && in(others_grow, method))) return Effect::grow;
    if (in(shrinks, method) || (!standard && in(others_shrink, method))) return Effect::shrink;
    return Effect::none;
}

bool returns_element(std::string_view method) {
    static const Set names = {"begin",       "end",         "rbegin",       "rend",          "cbegin",
                              "find",        "at",          "front",        "back",          "top",
                              "data",        "emplace",     "emplace_back", "emplace_front", "insert",
                              "try_emplace", "lower_bound", "upper_bound",  "value",         "last",
                              "first",       "operator[]",  "equal_range",  "emplace_hint",  "insert_or_assign",
                              "constFind"};
    return in(names, method);
}

bool returns_size(std::string_view method) {
    static const Set names = {"size", "length", "full", "is_full", "isFull", "size_approx", "count", "at_capacity"};
    return in(names, method);
}

Effect function_effect(std::string_view function) {
    static const Set grows = {"g_list_append",         "g_list_prepend",         "g_list_insert",         "g_list_insert_sorted",
                              "g_slist_append",        "g_slist_prepend",        "g_slist_insert",        "g_hash_table_insert",
                              "g_hash_table_add",      "g_hash_table_replace",   "g_ptr_array_add",       "g_ptr_array_insert",
                              "g_array_append_vals",   "g_array_prepend_vals",   "g_byte_array_append",   "g_queue_push_tail",
                              "g_queue_push_head",     "g_async_queue_push",     "g_string_append",       "g_string_append_c",
                              "g_string_append_len",   "g_string_append_printf", "g_tree_insert",         "g_sequence_append",
                              "json_array_append_new", "evbuffer_add",           "json_object_array_add", "cJSON_AddItemToArray"};
    static const Set shrinks = {"g_list_remove",
                                "g_list_delete_link",
                                "g_list_remove_link",
                                "g_list_free",
                                "g_list_free_full",
                                "g_slist_remove",
                                "g_slist_delete_link",
                                "g_slist_free",
                                "g_slist_free_full",
                                "g_slist_remove_link",
                                "g_hash_table_remove",
                                "g_hash_table_steal",
                                "g_hash_table_remove_all",
                                "g_hash_table_foreach_remove",
                                "g_hash_table_destroy",
                                "g_hash_table_unref",
                                "g_hash_table_iter_remove",
                                "g_ptr_array_remove",
                                "g_ptr_array_remove_index",
                                "g_ptr_array_remove_fast",
                                "g_ptr_array_set_size",
                                "g_ptr_array_remove_index_fast",
                                "g_ptr_array_free",
                                "g_array_set_size",
                                "g_array_remove_index",
                                "g_array_free",
                                "g_byte_array_set_size",
                                "g_queue_pop_head",
                                "g_queue_pop_tail",
                                "g_queue_clear",
                                "g_queue_remove",
                                "g_queue_delete_link",
                                "g_async_queue_pop",
                                "g_async_queue_try_pop",
                                "g_async_queue_timeout_pop",
                                "g_string_truncate",
                                "g_string_assign",
                                "g_string_erase",
                                "g_string_set_size",
                                "g_string_printf",
                                "g_tree_remove",
                                "g_tree_destroy",
                                "g_sequence_remove",
                                "json_array_clear",
                                "json_array_remove",
                                "evbuffer_drain",
                                "evbuffer_remove"};
    return in(grows, function) ? Effect::grow : in(shrinks, function) ? Effect::shrink : Effect::none;
}

MacroEffect macro_effect(std::string_view macro) {
    const auto starts = [&](std::string_view start) { return macro.starts_with(start); };
    if (!starts("HASH_")) return {};
    if (macro == "HASH_DEL") return {Effect::shrink, 0};
    if (macro == "HASH_DELETE" || macro == "HASH_CLEAR") return {Effect::shrink, 1};
    const bool adds = starts("HASH_ADD") || starts("HASH_REPLACE");
    if (!adds) return {};
    const bool short_form = macro.ends_with("_STR") || macro.ends_with("_INT") || macro.ends_with("_PTR");
    return {Effect::grow, short_form ? 0U : 1U};
}

bool is_blocking(std::string_view function) {
    static const Set names = {"accept",
                              "accept4",
                              "recv",
                              "recvfrom",
                              "recvmsg",
                              "poll",
                              "ppoll",
                              "select",
                              "pselect",
                              "epoll_wait",
                              "epoll_pwait",
                              "kevent",
                              "sleep",
                              "usleep",
                              "nanosleep",
                              "clock_nanosleep",
                              "sleep_for",
                              "sleep_until",
                              "pause",
                              "sigwait",
                              "sigwaitinfo",
                              "sigtimedwait",
                              "sem_wait",
                              "sem_timedwait",
                              "mq_receive",
                              "msgrcv",
                              "wait_for",
                              "wait_until",
                              "io_uring_wait_cqe",
                              "pthread_cond_wait",
                              "pthread_cond_timedwait",
                              "thrd_sleep",
                              "cnd_wait",
                              "g_usleep",
                              "zmq_recv",
                              "zmq_msg_recv",
                              "zmq_poll",
                              "port_getn"};
    return in(names, function);
}

bool is_input(std::string_view function) {
    static const Set names = {"read",  "pread",     "readv",   "fread",    "fgets",      "getline",   "getc",
                              "fgetc", "read_some", "receive", "SSL_read", "async_read", "operator()"};
    return is_blocking(function) || in(names, function);
}

bool makes_new(std::string_view function) {
    static const Set names = {"rand",          "random",  "time",         "now",           "getrandom",
                              "uuid_generate", "mt19937", "gettimeofday", "clock_gettime", "make_shared",
                              "make_unique",   "malloc",  "calloc",       "accept",        "accept4"};
    return in(names, function);
}

bool is_service_word(std::string_view function) {
    static const Set names = {"accept",          "accept4",
                              "listen",          "epoll_wait",
                              "epoll_pwait",     "kevent",
                              "recvfrom",        "recvmsg",
                              "uv_run",          "ev_run",
                              "event_base_loop", "event_base_dispatch",
                              "g_main_loop_run", "io_uring_wait_cqe",
                              "async_accept",    "zmq_recv",
                              "zmq_msg_recv",    "mq_receive",
                              "msgrcv",          "MHD_start_daemon",
                              "mg_mgr_poll",     "evhttp_bind_socket"};
    return in(names, function);
}

bool calls_at_once(std::string_view function) {
    static const Set names = {"qsort",
                              "qsort_r",
                              "bsearch",
                              "lfind",
                              "lsearch",
                              "twalk",
                              "nftw",
                              "ftw",
                              "scandir",
                              "tsearch",
                              "tfind",
                              "tdelete",
                              "dl_iterate_phdr",
                              "call_once",
                              "pthread_once",
                              "sqlite3_exec",
                              "invoke",
                              "apply",
                              "visit",
                              "for_each",
                              "forEach",
                              "transform",
                              "sort",
                              "filter",
                              "find_if",
                              "any_of",
                              "each",
                              "map",
                              "retry",
                              "g_list_foreach",
                              "g_slist_foreach",
                              "g_hash_table_foreach",
                              "g_list_sort",
                              "g_list_find_custom",
                              "g_ptr_array_foreach",
                              "g_ptr_array_sort",
                              "g_hash_table_foreach_remove",
                              "clang_visitChildren",
                              "try_emplace",
                              "getopt",
                              "regex_replace",
                              "dl_iterate",
                              "getaddrinfo_cb",
                              "curl_easy_setopt"};
    return in(names, function);
}

bool is_free_name(std::string_view function) {
    const std::string name = to_lower(function);
    static const std::array<std::string_view, 12> parts = {"free",    "destroy", "delete",  "release", "dispose", "unref",
                                                           "dealloc", "recycle", "discard", "remove",  "cleanup", "_del"};
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return name.find(part) != name.npos; });
}

bool is_realloc_name(std::string_view function) { return to_lower(function).find("realloc") != std::string::npos; }

bool never_returns(std::string_view function) {
    static const Set names = {"abort", "exit", "_exit", "_Exit", "quick_exit", "terminate", "err", "errx", "__assert_fail"};
    return in(names, function);
}

bool is_running_word(std::string_view variable) {
    const std::string name = to_lower(variable);
    static const std::array<std::string_view, 15> parts = {"run",  "stop", "quit",     "exit", "alive",   "active",   "keep", "done",
                                                           "loop", "serv", "shutdown", "term", "connect", "continue", "true"};
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return name.find(part) != name.npos; });
}

const HandlePair* handle_of(std::string_view acquire) {
    static const std::array<HandlePair, 21> table = {{
        {"fopen", "fclose"},        {"fdopen", "fclose"},    {"freopen", "fclose"},       {"tmpfile", "fclose"},
        {"popen", "pclose"},        {"open", "close"},       {"openat", "close"},         {"creat", "close"},
        {"socket", "close"},        {"accept", "close"},     {"accept4", "close"},        {"dup", "close"},
        {"epoll_create1", "close"}, {"eventfd", "close"},    {"timerfd_create", "close"}, {"inotify_init1", "close"},
        {"memfd_create", "close"},  {"opendir", "closedir"}, {"fdopendir", "closedir"},   {"dlopen", "dlclose"},
        {"mkstemp", "close"},
    }};
    for (const HandlePair& pair : table)
        if (pair.acquire == acquire) return &pair;
    return nullptr;
}

bool closes_handle(std::string_view function) {
    static const Set names = {"fclose", "pclose", "close", "closedir", "dlclose", "sqlite3_close", "sqlite3_close_v2"};
    return in(names, function);
}

bool borrows_handle(std::string_view function) {
    static const Set names = {
        "read",      "write",       "pread",        "pwrite",         "readv",         "writev",    "recv",      "send",      "sendto",
        "recvfrom",  "sendmsg",     "recvmsg",      "lseek",          "fstat",         "ioctl",     "fcntl",     "bind",      "listen",
        "connect",   "setsockopt",  "getsockopt",   "getsockname",    "getpeername",   "shutdown",  "fsync",     "fdatasync", "ftruncate",
        "fallocate", "flock",       "isatty",       "mmap",           "poll",          "fread",     "fwrite",    "fgets",     "fgetc",
        "getc",      "getline",     "getdelim",     "fscanf",         "fprintf",       "fputs",     "fputc",     "putc",      "vfprintf",
        "fseek",     "fseeko",      "ftell",        "ftello",         "rewind",        "fflush",    "feof",      "ferror",    "clearerr",
        "fileno",    "setvbuf",     "setbuf",       "ungetc",         "readdir",       "rewinddir", "dirfd",     "dlsym",     "sendfile",
        "splice",    "epoll_wait",  "fchmod",       "fchown",         "posix_fadvise", "tcgetattr", "tcsetattr", "fgetwc",    "fputws",
        "flockfile", "funlockfile", "sqlite3_exec", "sqlite3_errmsg", "accept",        "accept4",   "fstatfs",   "unlinkat",  "fstatat",
        "openat",    "sqlite3_open"};
    return in(names, function);
}

}  // namespace leakline::audit
