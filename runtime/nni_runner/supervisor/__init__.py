"""The small process that starts and ends trials, here or on another machine.

It outlives the runner just long enough to end its trials. The standard library only, and little of
it: each trial gets a fork of this process.
"""
