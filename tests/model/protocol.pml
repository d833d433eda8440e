/*
 * What keeps the promise when processes die: journal, lock, daemon, guardian and
 * `faultd-guardian --once`. A process may be killed or stopped between any two steps, daemons are
 * started twice, and the power may fail, which loses what was not synced. Each step names the
 * function that it stands for. The properties:
 *
 *   recorded   no change is on the host without a readable record of it (Witness)
 *   alone      never two processes change the host or the journal at once (Enter)
 *   duty       nobody who could put the host back ends by itself before it is put back (Leave)
 *   clean      when nothing moves any more, the host is as it was, or everybody was killed (init)
 *
 * Macros such as NO_LOCK break the protocol in one place each; tests/model/run wants every one found.
 */
#if !defined(TROUBLES)
#define TROUBLES 2 /* how many things happen that nobody asked of the protocol, in all */
#endif
#if !defined(INJECTIONS)
#define INJECTIONS 2
#endif

/* Processes, by their number in the model. The second daemon is one that somebody starts by hand. */
#define DAEMON 1
#define SECOND 2
#define ONCE 3
#define GUARDIAN 4
#define OTHER_GUARDIAN 5
#define PROCESSES 6
#define NOBODY 0
#define ME (1 << _pid)

bool alive[PROCESSES];
bool begun[PROCESSES];    /* stays for a moment after the death, until the model's process is at its begin again */
bool stopped[PROCESSES];  /* SIGSTOP, or hanging */
bool ready[PROCESSES];    /* of a guardian: it has said so */
byte parent[PROCESSES];   /* of a guardian; NOBODY once the parent is dead, as for getppid and pidfd */
byte lock;                /* who has the descriptor of <state>/lock, a bit each; flock is free at 0 */
byte busy;                /* who changes host or journal, a bit each */

/* Two faults: files, which survive a reboot, and links, which do not. */
#define FILES 0
#define LINKS 1
#define FAULTS 2
byte host[FAULTS];         /* what the fault has changed, in two parts: 3 is all, 0 nothing */
byte files_on_disk;        /* what of FILES may be there after a power cut */
mtype = { none, readable, torn };
mtype record[FAULTS] = none;   /* as processes see it */
mtype on_disk[FAULTS] = none;  /* as it is after a power cut at the least */
bool content_synced[FAULTS];
bool of_this_boot[FAULTS];

byte managed;  /* by systemd */
byte troubles, injections; /* still to come */

#define CLEAN (!host[FILES] && !host[LINKS] && record[FILES] == none && record[LINKS] == none)
#define UNRECORDED(fault) (host[fault] && record[fault] != readable)

inline Start(process) {
  d_step {
    begun[process] = true;
    alive[process] = true
  }
}

/* The kernel closes descriptors and gives children another parent when a process ends, in whatever way. */
inline Die(process) {
  d_step {
    alive[process] = false;
    stopped[process] = false;
    ready[process] = false;
    parent[process] = NOBODY;
    lock = lock & ~(1 << process);
    busy = busy & ~(1 << process);
    if
    :: parent[GUARDIAN] == process -> parent[GUARDIAN] = NOBODY
    :: else
    fi;
    if
    :: parent[OTHER_GUARDIAN] == process -> parent[OTHER_GUARDIAN] = NOBODY
    :: else
    fi
  }
}

/* Ends of its own accord. Who holds the lock has the duty to recover. */
inline Leave() {
  atomic {
    assert(CLEAN || (lock & ~ME));
    Die(_pid);
    goto gone
  }
}

/* FileLock::Acquire: waits, and gives up after a while. */
inline Acquire() {
#ifdef NO_LOCK
  lock = lock | ME;
#else
  if
  :: atomic { lock == 0 -> lock = ME }
  :: atomic { lock != 0 -> Leave() }
  fi
#endif
}

inline Enter() {
  d_step {
    busy = busy | ME;
    assert(busy == ME)
  }
}

inline Done() { busy = busy & ~ME }

/* Journal::Write, that is PosixDirectory::Write. What a writer that died left under a temporary name
   counts for nothing (IsHalfWritten). */
inline WriteRecord(fault) {
#ifndef NO_CONTENT_SYNC
  content_synced[fault] = true; /* fdatasync, before anybody can see the file */
#endif
  record[fault] = readable; /* rename */
  of_this_boot[fault] = true
}
inline SyncRecord(fault) {
#ifdef NO_DIRECTORY_SYNC
  skip
#else
  on_disk[fault] = record[fault] /* fsync of the directory */
#endif
}

/* Journal::Remove: the disk is not waited for, so a power cut may bring it back. */
inline RemoveRecord(fault) {
  record[fault] = none
}

/* FaultKind::inject, begun here and done when all of `host` is. Nobody waits for the disk, but it may be there at once. */
inline BeginChange(fault) {
  host[fault] = 1;
  if
  :: fault == FILES -> files_on_disk = 3
  :: else
  fi
}

/* FaultKind::revert, from the record alone: what inject did, or a part of it, or nothing */
inline PutBack(fault) {
  host[fault] = host[fault] & 1;
  host[fault] = 0;
#ifndef NO_FILES_SYNC
  if
  :: fault == FILES -> files_on_disk = 0 /* RemoveTaggedDirectory: fsync, even if nothing is there */
  :: else
  fi
#endif
}

/* A fault in the daemon. Its worker does what the loop gives it in that order, while the loop goes on; what it
   gives is a kind of job and a fault. */
#define NO_FAULT 0
#define PENDING 1 /* its record is being written */
#define ACTIVE 2
#define REVERTING 3 /* seen gone, its record is being removed */
#define WRITE 1
#define REMOVE 2

/* Engine::InTurn and Activate: the record first, of one fault at a time */
inline Inject(fault) {
  atomic {
    injections > 0 && !turn && state[fault] == NO_FAULT ->
    injections--;
    turn = true;
    state[fault] = PENDING;
    jobs!WRITE(fault)
  };
#ifdef CHANGE_BEFORE_RECORD
  atomic { Enter(); BeginChange(fault) };
  atomic { host[fault] = 3; Done() }
#endif
}

/* Engine::Activate, when the record is written, and ContinueInject. It may be over by then. */
inline Written(fault) {
  if
  :: atomic {
    written == fault + 1 && state[fault] == PENDING ->
    written = 0;
    turn = false;
    state[fault] = ACTIVE;
    Enter();
#ifndef CHANGE_BEFORE_RECORD
    BeginChange(fault)
#endif
  };
    atomic { host[fault] = 3; Done() }
  :: atomic {
    written == fault + 1 && state[fault] != PENDING ->
    written = 0;
    turn = false
  }
  fi
}

/* Engine::ContinueRevert and RemoveRecord: the record goes once the fault is seen gone. The lease ends, somebody asks
   for it, or the injection failed; also while the record is being written. */
inline Revert(fault) {
  atomic { state[fault] == PENDING || state[fault] == ACTIVE -> Enter() };
#ifdef RECORD_GOES_FIRST
  RemoveRecord(fault);
#endif
  if
  :: state[fault] == ACTIVE -> PutBack(fault)
  :: else
  fi;
  atomic {
    Done();
#ifdef REMOVAL_OVERTAKES
    RemoveRecord(fault);
    state[fault] = NO_FAULT
#else
    state[fault] = REVERTING;
    jobs!REMOVE(fault)
#endif
  }
}

/* WorkerThread::Work: the first job */
inline DoJob(fault) {
  atomic { jobs?[WRITE, eval(fault)] && !written -> Enter(); WriteRecord(fault) };
  atomic {
    SyncRecord(fault);
    Done();
    jobs?_,_;
    written = fault + 1
  }
}

inline DoRemoval(fault) {
  atomic {
    jobs?[REMOVE, eval(fault)] ->
    Enter();
    RemoveRecord(fault);
    Done();
    jobs?_,_;
    state[fault] = NO_FAULT /* Engine::Finish */
  }
}

#ifdef BOOT_ENDS_ALL
#define ENDED_WITH_BOOT(fault) (!of_this_boot[fault])
#else
#define ENDED_WITH_BOOT(fault) (!of_this_boot[fault] && fault == LINKS)
#endif

/* RecoverRecord */
inline RecoverFault(fault) {
  if
  :: record[fault] == readable && !ENDED_WITH_BOOT(fault) -> PutBack(fault)
  :: else
  fi
}

/* Journal::Remove, and SetAside for what cannot be read */
inline EndRecord(fault) {
  if
  :: record[fault] != none -> RemoveRecord(fault)
  :: else
  fi
}

/* Recover: the records go when everything is put back */
inline Recover() {
  Enter();
#ifdef RECORD_GOES_FIRST
  EndRecord(FILES);
#endif
  RecoverFault(FILES);
  RecoverFault(LINKS);
  if  /* SweepLeftovers: links are found by their tags */
  :: host[LINKS] -> PutBack(LINKS)
  :: else
  fi;
  EndRecord(FILES);
  EndRecord(LINKS);
  Done()
}

#define ON_GUARD(process) (alive[process] && parent[process] == _pid)

/* GuardianProcess::Spawn. A child that is not yet executed has no copy of the lock's descriptor
   (StartingProcess). */
inline StartGuardian() {
  atomic {
    if
    :: !begun[GUARDIAN] -> guardian = GUARDIAN
    :: begun[GUARDIAN] && !begun[OTHER_GUARDIAN] -> guardian = OTHER_GUARDIAN
    fi;
    Start(guardian);
#ifdef LOCK_INHERITED
    lock = lock | (1 << guardian);
#endif
    parent[guardian] = _pid
  }
}

/* GuardianProcess::IsLate: after 10 s */
#define KillLateGuardian() atomic { ON_GUARD(guardian) && !ready[guardian] && stopped[guardian] -> Die(guardian) }

/* faultd */
proctype Daemon() provided (!stopped[_pid]) {
  byte guardian;
  byte state[FAULTS];
  bool turn;
  byte written; /* the fault whose record was written just now, as a number from 1 */
  chan jobs = [4] of { byte, byte };
end:
  begun[_pid];
  {
    /* App::Start */
    Acquire();
#ifndef NO_RECOVERY_AT_START
    Recover();
#endif
    StartGuardian();
    if
    :: ON_GUARD(guardian) && ready[guardian]
    :: KillLateGuardian() -> Leave()
    :: !ON_GUARD(guardian) -> Leave()
    fi;
serving:
    do
    :: Inject(FILES)
    :: Inject(LINKS)
    :: Written(FILES)
    :: Written(LINKS)
    :: Revert(FILES)
    :: Revert(LINKS)
    :: DoJob(FILES)
    :: DoJob(LINKS)
    :: DoRemoval(FILES)
    :: DoRemoval(LINKS)
    /* GuardianProcess::Restart, beside all else */
    :: !ON_GUARD(guardian) -> StartGuardian()
    :: KillLateGuardian()
    :: CLEAN && state[FILES] == NO_FAULT && state[LINKS] == NO_FAULT && !managed -> Leave() /* SIGTERM: App::Stop, once all is reverted */
    od
  } unless { !alive[_pid] };
gone:
  guardian = NOBODY;
  d_step {
    begun[_pid] = false;
    state[FILES] = NO_FAULT;
    state[LINKS] = NO_FAULT;
    turn = false;
    written = 0;
    do
    :: jobs?_,_
    :: empty(jobs) -> break
    od
  };
  goto end
}

/* faultd-guardian --watch: WatchDaemon */
proctype Guardian() provided (!stopped[_pid]) {
  byte daemon;
end:
  begun[_pid];
  {
#ifdef ORPHANS_LEAVE
    if
    :: parent[_pid] == NOBODY -> Leave()
    :: parent[_pid] != NOBODY
    fi;
#endif
    ready[_pid] = true; /* Reverter::Open, DeadlineWatch::Open */
    /* WaitForDeath: kills a daemon that leaves a record past its deadline */
    do
    :: parent[_pid] == NOBODY -> break
    :: atomic {
      parent[_pid] != NOBODY && stopped[parent[_pid]] && (record[FILES] != none || record[LINKS] != none) ->
      daemon = parent[_pid];
      Die(daemon)
    }
    od;
    Acquire();
    Recover(); /* Reverter::Run */
    Leave()
  } unless { !alive[_pid] };
gone:
  begun[_pid] = false;
  daemon = NOBODY;
  goto end
}

/* faultd-guardian --once: RevertOnce */
proctype Once() provided (!stopped[_pid]) {
end:
  begun[_pid];
  {
    Acquire();
    Recover();
    Leave()
  } unless { !alive[_pid] };
gone:
  begun[_pid] = false;
  goto end
}

/* systemd, as faultd.service tells it: KillMode, ExecStopPost, Restart. A stopped daemon falls to the
   watchdog; people start a second one, and put back by hand. */
proctype Others() {
end:
  do
  :: managed && stopped[DAEMON] -> Die(DAEMON)
  :: managed && !begun[DAEMON] ->
    do
    :: alive[GUARDIAN] && parent[GUARDIAN] == NOBODY -> Die(GUARDIAN) /* after TimeoutStopSec */
    :: alive[OTHER_GUARDIAN] && parent[OTHER_GUARDIAN] == NOBODY -> Die(OTHER_GUARDIAN)
    :: !alive[GUARDIAN] && !alive[OTHER_GUARDIAN] -> break
    :: alive[SECOND] -> break
    od;
    atomic {
      if
      :: !begun[ONCE] -> Start(ONCE)
      :: alive[ONCE]
      fi
    };
    !alive[ONCE];
    Start(DAEMON)
  :: atomic { !managed && troubles > 0 && !begun[DAEMON] -> troubles--; Start(DAEMON) }
  :: atomic { troubles > 0 && !begun[SECOND] -> troubles--; Start(SECOND) }
  :: atomic { troubles > 0 && !begun[ONCE] -> troubles--; Start(ONCE) }
  od
}

inline Kill(process) { troubles--; Die(process) }
inline Stop(process) { troubles--; stopped[process] = true }
#define CAN_KILL(process) troubles > 0 && alive[process]
#define CAN_STOP(process) troubles > 0 && alive[process] && !stopped[process]

/* A power cut keeps what was synced; what was not may be there or not, and a file without its content. */
inline LoseRecord(fault) {
  if
  :: record[fault] = on_disk[fault]
  :: skip
  fi;
  if
  :: record[fault] == readable && !content_synced[fault] -> record[fault] = torn
  :: else
  fi;
  on_disk[fault] = record[fault];
  of_this_boot[fault] = false
}

proctype Misfortune() {
end:
  do
  :: atomic { CAN_KILL(DAEMON) -> Kill(DAEMON) }
  :: atomic { CAN_KILL(SECOND) -> Kill(SECOND) }
  :: atomic { CAN_KILL(ONCE) -> Kill(ONCE) }
  :: atomic { CAN_KILL(GUARDIAN) -> Kill(GUARDIAN) }
  :: atomic { CAN_KILL(OTHER_GUARDIAN) -> Kill(OTHER_GUARDIAN) }
  :: atomic { CAN_STOP(DAEMON) -> Stop(DAEMON) }
  :: atomic { CAN_STOP(SECOND) -> Stop(SECOND) }
  :: atomic { CAN_STOP(GUARDIAN) -> Stop(GUARDIAN) }
  :: atomic { CAN_STOP(OTHER_GUARDIAN) -> Stop(OTHER_GUARDIAN) }
  :: atomic {
    troubles > 0 ->
    troubles--;
    Die(DAEMON);
    Die(SECOND);
    Die(ONCE);
    Die(GUARDIAN);
    Die(OTHER_GUARDIAN);
    LoseRecord(FILES);
    LoseRecord(LINKS);
    host[LINKS] = 0;
    if
    :: host[FILES] = files_on_disk
    :: skip
    fi;
    files_on_disk = host[FILES]
  }
  od
}

proctype Witness() {
end:
  UNRECORDED(FILES) || UNRECORDED(LINKS);
  assert(false) /* a change without a record */
}

#define MOVES(process) (alive[process] && !stopped[process])

init {
  atomic {
    run Daemon();
    run Daemon();
    run Once();
    run Guardian();
    run Guardian();
    run Others();
    run Misfortune();
    run Witness();
    select (managed : 0 .. 1);
    select (troubles : 0 .. TROUBLES);
    select (injections : 1 .. INJECTIONS);
    Start(DAEMON)
  };
  timeout;
  assert(CLEAN || !(managed || MOVES(DAEMON) || MOVES(SECOND) || MOVES(ONCE) || MOVES(GUARDIAN) || MOVES(OTHER_GUARDIAN)))
}
