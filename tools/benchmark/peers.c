/* The throughput and latency rows in C, as the floor that the two bindings are compared with.

   peers LIBRARY        speaks the protocol of worker.py; the rows are "throughput SIZE" and "latency SIZE":

   open throughput SIZE near|far ENDPOINT   ->  ready ENDPOINT
   run N                                    ->  took SECONDS
   close                                    ->  closed

   libzmq is opened at run time, so that all three sides stand on one file; zmq.h lends only types and constants. */

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

/* Seconds after which a round that does not come to its end ends this process, in case nobody is left to do it. */
#define ROUND_LIMIT 120

#define FUNCTIONS(F)                                                                                                   \
    F (void *, ctx_new, (void))                                                                                        \
    F (int, ctx_destroy, (void *))                                                                                     \
    F (void *, socket, (void *, int))                                                                                  \
    F (int, close, (void *))                                                                                           \
    F (int, bind, (void *, const char *))                                                                              \
    F (int, connect, (void *, const char *))                                                                           \
    F (int, setsockopt, (void *, int, const void *, size_t))                                                           \
    F (int, getsockopt, (void *, int, void *, size_t *))                                                               \
    F (int, send, (void *, const void *, size_t, int))                                                                 \
    F (int, msg_init, (zmq_msg_t *) )                                                                                  \
    F (int, msg_recv, (zmq_msg_t *, void *, int))                                                                      \
    F (int, msg_close, (zmq_msg_t *) )                                                                                 \
    F (int, errno, (void))                                                                                             \
    F (const char *, strerror, (int))                                                                                  \
    F (void, version, (int *, int *, int *))

/* A macro in <errno.h>; here it is only the end of a name in the table above. */
#undef errno
#define DECLARE(result, name, arguments) static result (*z_##name) arguments;
#define LOAD(result, name, arguments) *(void **) &z_##name = find (library, "zmq_" #name);
FUNCTIONS (DECLARE)

static void *context, *peer;
static char *buffer;
static size_t size;
static int far_half, is_latency;

static void fail (const char *what, const char *why)
{
    fprintf (stderr, "peers: %s: %s\n", what, why);
    printf ("error %s: %s\n", what, why);
    fflush (stdout);
    exit (1);
}

static void *find (void *library, const char *name)
{
    void *found = dlsym (library, name);
    if (!found)
        fail (name, "not in this library");
    return found;
}

static void check (int bad, const char *what)
{
    if (bad)
        fail (what, z_strerror (z_errno ()));
}

static void give (void)
{
    check (z_send (peer, buffer, size, 0) < 0, "zmq_send");
}

static void take (void)
{
    zmq_msg_t message;
    int got;
    z_msg_init (&message);
    got = z_msg_recv (&message, peer, 0);
    check (got < 0, "zmq_msg_recv");
    if ((size_t) got != size)
        fail ("zmq_msg_recv", "a message of another size");
    z_msg_close (&message);
}

static double now (void)
{
    struct timespec moment;
    clock_gettime (CLOCK_MONOTONIC, &moment);
    return (double) moment.tv_sec + (double) moment.tv_nsec * 1e-9;
}

static void open_row (const char *kind, size_t bytes, const char *half, const char *endpoint)
{
    /* What PUSH, PULL, REQ, REP are called is fixed by the row and the half. */
    static const int types[2][2] = {{ZMQ_PULL, ZMQ_PUSH}, {ZMQ_REQ, ZMQ_REP}};
    char bound[256] = "-";
    size_t length = sizeof bound;
    int linger = 0;

    size = bytes;
    buffer = malloc (size);
    memset (buffer, 'x', size);
    is_latency = !strcmp (kind, "latency");
    far_half = !strcmp (half, "far");
    context = z_ctx_new ();
    check (!context, "zmq_ctx_new");
    peer = z_socket (context, types[is_latency][far_half]);
    check (!peer, "zmq_socket");
    check (z_setsockopt (peer, ZMQ_LINGER, &linger, sizeof linger), "ZMQ_LINGER");
    if (far_half)
        check (z_connect (peer, endpoint), "zmq_connect");
    else {
        check (z_bind (peer, "tcp://127.0.0.1:*"), "zmq_bind");
        check (z_getsockopt (peer, ZMQ_LAST_ENDPOINT, bound, &length), "ZMQ_LAST_ENDPOINT");
    }
    printf ("ready %s\n", bound);
}

static void run_row (long count)
{
    double begin = now (), spent;
    long i;

    if (!is_latency && far_half)
        for (i = 0; i < count; i++)
            give ();
    else if (!is_latency) {
        take ();
        begin = now ();
        for (i = 1; i < count; i++)
            take ();
    } else
        for (i = 0; i < count; i++) {
            if (far_half) {
                take ();
                give ();
            } else {
                give ();
                take ();
            }
        }
    spent = now () - begin;
    if (is_latency)
        spent /= 2;
    else if (count > 1)
        spent = spent * (double) count / (double) (count - 1);
    printf ("took %.9f\n", spent);
}

static void close_row (void)
{
    if (peer)
        z_close (peer);
    if (context)
        z_ctx_destroy (context);
    free (buffer);
    peer = context = NULL;
    buffer = NULL;
    printf ("closed\n");
}

int main (int argc, char **argv)
{
    char order[512], kind[32], half[8], endpoint[256];
    unsigned long bytes;
    long count;
    int major, minor, patch;
    void *library = argc > 1 ? dlopen (argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;

    signal (SIGINT, SIG_IGN);
    if (!library)
        fail ("dlopen", dlerror ());
    FUNCTIONS (LOAD)
    z_version (&major, &minor, &patch);
    printf ("hello {\"version\": \"C\", \"libzmq\": \"%d.%d.%d\", \"files\": []}\n", major, minor, patch);
    fflush (stdout);
    while (fgets (order, sizeof order, stdin)) {
        if (sscanf (order, "open %31s %lu %7s %255s", kind, &bytes, half, endpoint) == 4)
            open_row (kind, bytes, half, endpoint);
        else if (sscanf (order, "run %ld", &count) == 1) {
            alarm (ROUND_LIMIT);
            run_row (count);
            alarm (0);
        } else if (!strncmp (order, "close", 5))
            close_row ();
        else
            fail ("no such order", order);
        fflush (stdout);
    }
    return 0;
}
