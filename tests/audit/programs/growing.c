/* Eight ways for a C service to keep what requests bring, a file that an early return leaves open, and bounded ones.
 * "finds RULE" is behind the declaration of what has to be reported; nothing else may be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct event { struct event *next; char text[64]; };
static struct event *events; /* finds unbounded-growth */

struct job { struct job *next; int id; };
static struct job *jobs_head, *jobs_tail; /* finds unbounded-growth */

struct walk { struct walk *next; int n; };
static struct walk *walked; /* finds unbounded-growth */

struct entry { struct entry *next; char *key; };
static struct entry *table[64]; /* finds unbounded-growth */

struct tree { struct tree *left, *right; int key; };
static struct tree *root; /* finds unbounded-growth */

static char **lines; static size_t line_count, line_capacity; /* finds unbounded-growth */
static char *log_text; static size_t log_length; /* finds unbounded-growth */

typedef void (*callback)(int);
struct hook { callback call; struct hook *next; };
static struct { struct hook *hooks; int fd; } server; /* finds unbounded-growth */

struct conn { struct conn *next; int fd; };
static struct conn *conns;

static int *ring; static size_t ring_next;
static struct event *free_list;

static void keep_event(const char *text) {
    struct event *e = malloc(sizeof *e);
    if (!e) return;
    strncpy(e->text, text, sizeof e->text);
    e->next = events;
    events = e;
}
static void keep_job(int id) {
    struct job *j = calloc(1, sizeof *j);
    j->id = id;
    if (jobs_tail) jobs_tail->next = j; else jobs_head = j;
    jobs_tail = j;
}
static void keep_walk(int n) {
    struct walk *w = malloc(sizeof *w), *p;
    w->n = n; w->next = NULL;
    if (!walked) { walked = w; return; }
    for (p = walked; p->next; p = p->next) {}
    p->next = w;
}
static void keep_entry(const char *key) {
    unsigned h = (unsigned char)key[0] % 64;
    struct entry *e;
    for (e = table[h]; e; e = e->next) if (!strcmp(e->key, key)) return;
    e = malloc(sizeof *e);
    e->key = strdup(key);
    e->next = table[h];
    table[h] = e;
}
static void keep_tree(int key) {
    struct tree **at = &root;
    while (*at) at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    struct tree *node = calloc(1, sizeof *node);
    node->key = key;
    *at = node;
}
static void keep_line(const char *line) {
    if (line_count == line_capacity) {
        size_t capacity = line_capacity ? line_capacity * 2 : 16;
        char **bigger = realloc(lines, capacity * sizeof *lines);
        if (!bigger) return;
        lines = bigger;
        line_capacity = capacity;
    }
    lines[line_count++] = strdup(line);
}
static void keep_log(const char *text) {
    size_t n = strlen(text);
    log_text = realloc(log_text, log_length + n + 1);
    memcpy(log_text + log_length, text, n + 1);
    log_length += n;
}
static void add_hook(callback call) {
    struct hook *h = malloc(sizeof *h);
    h->call = call;
    h->next = server.hooks;
    server.hooks = h;
}
static void add_conn(int fd) {
    struct conn *c = malloc(sizeof *c);
    c->fd = fd; c->next = conns; conns = c;
}
static void drop_conns(void) {
    while (conns) { struct conn *c = conns; conns = c->next; close(c->fd); free(c); }
}
static void use_ring(int v) {
    if (!ring) ring = realloc(ring, 64 * sizeof *ring);
    ring[ring_next++ % 64] = v;
}
static void recycle(struct event *e) { e->next = free_list; free_list = e; }
static struct event *reuse(void) { struct event *e = free_list; if (e) free_list = e->next; return e; }
static void on_tick(int n) { (void)n; }
static void log_to_file(const char *text) {
    FILE *f = fopen("/tmp/log", "a"); /* finds handle-not-released */
    if (!f) return;
    if (strlen(text) > 100) return;
    fputs(text, f);
    fclose(f);
}
static void serve(int fd) {
    char buffer[256];
    ssize_t n = recv(fd, buffer, sizeof buffer - 1, 0);
    if (n <= 0) return;
    buffer[n] = 0;
    keep_event(buffer); keep_job(fd); keep_walk(fd); keep_entry(buffer); keep_tree(fd); keep_line(buffer); keep_log(buffer);
    add_hook(on_tick); add_conn(fd); drop_conns(); use_ring(fd); log_to_file(buffer);
    recycle(malloc(sizeof(struct event))); (void)reuse();
}
int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    listen(listener, 16);
    for (;;) { int fd = accept(listener, 0, 0); if (fd < 0) continue; serve(fd); close(fd); }
}
