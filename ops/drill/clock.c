/* Preloaded into the programs of a drill's own installation: their wall clock is the machine's plus
   the seconds in the file that FAKETIME_TIMESTAMP_FILE names ("-60", "+0"), read again ten times a
   second. The file is libfaketime's, so either may be preloaded. Ours does less: monotonic clocks,
   sleeps and file times stay true, and no lock is shared between processes that get kill -9.
   It calls the kernel itself, because the C library's functions are what it stands in for. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long offset;
static volatile long long looked = -1; /* tenths of a second of the monotonic clock */

static long shift(void)
{
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    long long tenth = now.tv_sec * 10LL + now.tv_nsec / 100000000;
    if (tenth == looked)
        return offset;
    looked = tenth;
    int before = errno;
    const char *path = getenv("FAKETIME_TIMESTAMP_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        char text[32];
        ssize_t length = read(file, text, sizeof text - 1);
        if (length > 0) {
            text[length] = 0;
            offset = strtol(text, NULL, 10);
        }
        close(file);
    }
    errno = before;
    return offset;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    if (syscall(SYS_clock_gettime, clock, at) != 0)
        return -1;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        at->tv_sec += shift();
    return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}
