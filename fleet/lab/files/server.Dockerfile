# A Debian server as one gets it from a cloud: systemd, sshd, cloud-init, and no Docker.
ARG BASE
FROM ${BASE}
# Every server makes host keys and an identity of its own at its first boot. There are no kernel modules to
# load in a container, and no consoles to log in at.
RUN sh /usr/local/sbin/add-packages \
      systemd systemd-sysv dbus openssh-server cloud-init iptables nftables iproute2 procps sudo \
 && rm -f /etc/ssh/ssh_host_* && : >/etc/machine-id \
 && systemctl mask systemd-modules-load.service getty.target console-getty.service \
 && systemctl set-default multi-user.target
COPY cloud.cfg /etc/cloud/cloud.cfg.d/99_lab.cfg
COPY first-process /sbin/first-process
STOPSIGNAL SIGRTMIN+3
CMD ["/bin/sh", "/sbin/first-process"]
