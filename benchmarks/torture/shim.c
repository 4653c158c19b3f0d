/* Counts calls that change storage, in one process, and does something at the k-th of them.
 *
 * Preloaded into a process (LD_PRELOAD) it does nothing until `torture_arm` is called.
 *   action 0: only count    1: SIGKILL before the call    2: fail the call with `error`
 * kinds: 1 write, 2 sync, 4 open for writing, 8 rename and link, 16 unlink, 32 any open
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls, happened;
static long at;
static int kinds, action, error, forever, armed;

void torture_arm(int kinds_, long at_, int action_, int error_, int forever_) {
  atomic_store(&calls, 0);
  atomic_store(&happened, 0);
  kinds = kinds_; at = at_; action = action_; error = error_; forever = forever_;
  armed = 1;
}
void torture_disarm(void) { armed = 0; }
long torture_calls(void) { return atomic_load(&calls); }
long torture_happened(void) { return atomic_load(&happened); }

static int blow(int kind) {
  if (!armed || !(kinds & kind)) return 0;
  long now = atomic_fetch_add(&calls, 1) + 1;
  if (action == 0 || (forever ? now < at : now != at)) return 0;
  atomic_fetch_add(&happened, 1);
  if (action == 1) kill(getpid(), SIGKILL);
  errno = error;
  return 1;
}
static int regular(int fd) {
  struct stat s;
  int saved = errno, yes = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
  errno = saved;
  return yes;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *b, size_t n) { REAL(write); if (armed && regular(fd) && blow(1)) return -1; return real(fd, b, n); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(pwrite64); if (armed && regular(fd) && blow(1)) return -1; return real(fd, b, n, o); }
ssize_t copy_file_range(int i, off64_t *a, int o, off64_t *b, size_t n, unsigned f) { REAL(copy_file_range); if (blow(1)) return -1; return real(i, a, o, b, n, f); }
int fsync(int fd) { REAL(fsync); if (blow(2)) return -1; return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); if (blow(2)) return -1; return real(fd); }
int rename(const char *a, const char *b) { REAL(rename); if (blow(8)) return -1; return real(a, b); }
int renameat(int x, const char *a, int y, const char *b) { REAL(renameat); if (blow(8)) return -1; return real(x, a, y, b); }
int link(const char *a, const char *b) { REAL(link); if (blow(8)) return -1; return real(a, b); }
int linkat(int x, const char *a, int y, const char *b, int f) { REAL(linkat); if (blow(8)) return -1; return real(x, a, y, b, f); }
int unlink(const char *a) { REAL(unlink); if (blow(16)) return -1; return real(a); }
int unlinkat(int x, const char *a, int f) { REAL(unlinkat); if (blow(16)) return -1; return real(x, a, f); }

#define OPEN(name, params, args) \
  int name params { REAL(name); mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, flags); mode = va_arg(l, mode_t); va_end(l); } \
    int writes = flags & (O_WRONLY | O_RDWR); \
    if (armed && (blow(32) || (writes && blow(4)))) return -1; \
    return real args; }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int at_, const char *path, int flags, ...), (at_, path, flags, mode))
OPEN(openat64, (int at_, const char *path, int flags, ...), (at_, path, flags, mode))
