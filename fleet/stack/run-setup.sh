# Runs $@ as fleet-setup.service and waits for its end; one that still runs from before is waited for first.
log=/var/log/fleet-setup.log
while [ "$(systemctl is-active fleet-setup.service)" = active ]; do sleep 1; done
start=$(( $(stat -c %s "$log" 2>/dev/null || echo 0) + 1 ))
systemd-run --quiet --collect --wait --unit=fleet-setup \
    --property=StandardOutput=append:$log --property=StandardError=append:$log "$@"
status=$?
[ $status -eq 0 ] || tail -c +"$start" "$log" | tail -n 15
exit $status
