#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# "sealkey conformance" judges a key through the kernel: the one of uhid
# through hidraw, and the gadget through libusb, without the kernel's driver.
# Nothing is skipped but what the key cannot show: no virtual clock, no other
# kind of key.
#
# Time limit: 900 s

. "$VM_REPO/tests/vm/guest.sh"
. "$VM_REPO/tests/vm/gadget.sh"

# judge NAME OPTION...: the key that runs; the results are in $logs
judge()
{
	local name=$1 control
	shift
	control=$(sed -n 's/^control //p' "$work/state/lock")
	"$sealkey" conformance --control "$control" --destructive "$@" \
	    >"$logs/$name.tap" 2>"$logs/$name.err" ||
	    { grep -A 4 '^not ok' "$logs/$name.tap"; tail -n 5 "$logs/$name.err"
	    return 1; }
}

# passed NAME: how many
passed()
{
	sed -n 's/^# \([0-9]*\) passed, .*/\1/p' "$logs/$1.tap"
}

start_udev
check "the kernel has uhid" modprobe uhid
start_sealkey --uhid --presence manual --account-choice token
wait_hidraw uhid
check "every case that can be shown passes over uhid" \
    judge uhid --device "$hidraw"
tap "# over uhid: $(tail -n 1 "$logs/uhid.tap")"
check "they are many" [ "$(passed uhid)" -ge 340 ]
check "it ends when asked to" stop_sealkey

check "the kernel has both ends of a cable" \
    modprobe -a configfs libcomposite usb_f_hid dummy_hcd usbhid
check "a HID gadget is made" make_gadget
udevadm settle
rm -rf "$work/state"
# where a cable ends is all that differs: an emulated machine takes its time
# for every key that a TPM makes
start_sealkey --gadget /dev/hidg0 --tpm none --presence manual \
    --account-choice token
wait_hidraw usb
check "every case that can be shown passes on the bus, through libusb" \
    judge usb --usb 1209:0001,1
tap "# on the bus: $(tail -n 1 "$logs/usb.tap")"
check "they are many" [ "$(passed usb)" -ge 340 ]
check "the kernel has its device back" wait_hidraw usb
check "it ends when asked to" stop_sealkey
check "it is unplugged" set_gadget UDC ""
finish
