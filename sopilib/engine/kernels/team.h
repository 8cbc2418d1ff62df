// A fixed team of threads that do one job after another together, all of them or the
// first few.
//
// Between the steps of a job the threads wait at a barrier, spinning: a step is 10 to
// 60 microseconds, less than it takes to wake a thread. Who has waited for longer sleeps,
// as another process must hold the processor of the thread that is awaited, which can then
// move to this one. Between jobs they spin for a moment, as chunk follows chunk, then sleep.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace engine {

// Waits for what other threads will store, at first spinning, then asleep.
class Patience {
 public:
  // `is_met` reads atomics that are stored before `wake` is called, all sequentially.
  template <class Condition>
  void wait_until(Condition is_met);
  void wake();

 private:
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable condition_;
};

class Team {
 public:
  explicit Team(int size);  // the caller of `run` is one of them
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // How many members do the jobs from now on, 1 to `size`; not within a job.
  void set_active(int members);
  int active() const { return active_.load(); }

  // Calls job(member) on the active threads, member 0 on this one; returns when all are done.
  void run(const std::function<void(int)>& job);

  // Waits, within a job, until all active members are here.
  void barrier(int member);

 private:
  // Jobs given to a member and barriers that it has come to, alone in its cache line.
  struct alignas(64) Member {
    std::atomic<uint32_t> jobs{0};
    std::atomic<uint32_t> arrivals{0};
  };

  void serve(int member);

  std::atomic<int> active_;
  const std::function<void(int)>* job_ = nullptr;
  bool is_closing_ = false;
  std::vector<Member> members_;
  Patience for_jobs_;  // apart, so that who sleeps between jobs is not woken by barriers
  Patience for_members_;
  std::vector<std::thread> threads_;
};

}  // namespace engine
