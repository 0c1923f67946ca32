"""Measurements that anybody can run again: speed beside a bare pipeline, and a year and a half of real purchases."""
