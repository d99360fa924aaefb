# What servers, jobs and the mirror share. Debian's documentation and translations are left out: an image is
# unpacked once on each server, and that is most of the time that setting up takes.
ARG ROOT
FROM ${ROOT}
RUN rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
COPY small.cfg /etc/dpkg/dpkg.cfg.d/01-small
COPY apt.conf /etc/apt/apt.conf.d/50lab
COPY debian.sources /etc/apt/sources.list.d/debian.sources
COPY add-packages /usr/local/sbin/add-packages
RUN sh /usr/local/sbin/add-packages ca-certificates curl python3 python3-yaml
