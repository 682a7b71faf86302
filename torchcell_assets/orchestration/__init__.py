"""Jobs, schedules, the sensor and the engine that makes again. Belongs here: what runs, when and in which order. Does not: how an
asset is made (steps), whether it is outdated (staleness).
"""
