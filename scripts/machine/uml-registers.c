/* For User Mode Linux on processors whose registers do not fit into its buffer of 2.6 KB, which are those with AMX: the
   host gives it a part of them, but takes only all of them back (xstateregs_set in arch/x86/kernel/fpu/regset.c), and
   UML dies at its first program. What it has no room for, its programs do not use: that is left as it is.
   scripts/uml preloads this. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long Ptrace(enum __ptrace_request request, pid_t pid, void* address, void* data);

long ptrace(enum __ptrace_request request, ...) {
  static Ptrace* next;
  if (next == NULL) next = (Ptrace*)dlsym(RTLD_NEXT, "ptrace");
  va_list arguments;
  va_start(arguments, request);
  const pid_t pid = va_arg(arguments, pid_t);
  void* const address = va_arg(arguments, void*);
  void* const data = va_arg(arguments, void*);
  va_end(arguments);

  if (request == PTRACE_SETREGSET && address == (void*)NT_X86_XSTATE) {
    const struct iovec* part = data;
    static char registers[1 << 16]; /* its stacks are small, and it has one thread for this */
    struct iovec all = {registers, sizeof(registers)};
    if (next(PTRACE_GETREGSET, pid, address, &all) != 0) return -1;
    if (all.iov_len > part->iov_len) {
      memcpy(registers, part->iov_base, part->iov_len);
      return next(request, pid, address, &all);
    }
  }
  return next(request, pid, address, data);
}
